"""What a reader asks to see of a person: `?expand=` adds members to the answer, `?fields=` takes some of them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from cdp.access.permission import Forbidden
from cdp.access.principals import audited, holds
from cdp.access.problems import Problem
from cdp.catalogue import snapshot

# expansion -> the member of the answer that holds it
EXPANSIONS = {
    "consents": "consents",
    "groups": "groups",
    "provenance": "provenance",
    "records": "record_list",
    "segments": "segment_list",
}
OF_MANY = frozenset(EXPANSIONS) - {"groups"}  # what takes no more queries for a hundred people than for one
LISTED = frozenset({"consents", "records", "segments"})
LISTED_MEMBERS = ("version", "records", "created_at", "updated_at", "facts")
SCOPES = {"consents": "consents:read"}
MEMBERS = (
    "redirected_from", "version", "created_at", "updated_at", "records", "open", "traits", "classes", "identifiers", "segments",
    "segments_withheld",
)  # fmt: skip
_TRAIT = "traits."


@dataclass(frozen=True, slots=True)
class Asked:
    """`expand`: names of `EXPANSIONS`. `members`: of the answer, None: all. `traits`: paths, None: all (if any)."""

    expand: frozenset[str] = frozenset()
    members: frozenset[str] | None = None
    traits: frozenset[str] | None = None

    def wants(self, member: str) -> bool:
        """Is this member of the answer asked for? The id always is, and what was expanded."""
        if self.members is None or member == "id" or member in self.members:
            return True
        return any(EXPANSIONS[name] == member for name in self.expand)

    def trait(self, path: str) -> bool:
        """Is this trait?"""
        return self.traits is None or path in self.traits

    def cut(self, content: dict[str, Any]) -> dict[str, Any]:
        """The members asked for."""
        return content if self.members is None else {name: it for name, it in content.items() if self.wants(name)}


WHOLE = Asked()


def of(request: Any, *, expand: Collection[str] = frozenset(EXPANSIONS), members: Collection[str] = MEMBERS) -> Asked:
    """What the query asks for. Raises a 400 Problem that names what there is, Forbidden for want of an expansion's scope."""
    wanted = _words(request, "expand")
    for name in wanted:
        if name not in expand:
            raise _unknown("expand", "This cannot be expanded here", sorted(expand))
        scope = SCOPES.get(name)
        if scope and not holds(request, scope):
            audited(request, "access.deny", object=("scope", scope), outcome="denied", rows=0)
            raise Forbidden(f"expand={name} needs the scope {scope}.")
    fields = _words(request, "fields")
    if not fields:
        return Asked(frozenset(wanted))
    traits = frozenset(it.removeprefix(_TRAIT) for it in fields if it.startswith(_TRAIT) and "traits" in members)
    plain = {it for it in fields if not it.startswith(_TRAIT)}
    if not plain <= {"id", *members} or not all(map(_declared, traits)) or len(plain) + len(traits) < len(set(fields)):
        offered = ["id", *members, *(["traits.PATH of a declared trait"] if "traits" in members else [])]
        raise _unknown("fields", "There is no such member", offered)
    if traits:
        whole = "traits" in plain
        return Asked(frozenset(wanted), frozenset(plain | {"traits"}), None if whole else traits)
    return Asked(frozenset(wanted), frozenset(plain))


def _words(request: Any, name: str) -> list[str]:
    given: str = request.query_params.get(name, "")
    return [word for it in given.split(",") if (word := it.strip())]


def _declared(path: str) -> bool:
    """A name that nobody declared can be personal data, and has no place in an address."""
    return snapshot.current().declared("trait", path) is not None


def _unknown(field: str, title: str, offered: Collection[str]) -> Problem:
    return Problem(400, "invalid", title, field=field, remedy=f"Use {', '.join(offered)}.")


def parameters(
    expand: Collection[str] = frozenset(EXPANSIONS), members: Collection[str] = MEMBERS
) -> list[OpenApiParameter]:
    """How the API's description tells of both."""
    traits = " Single traits: traits.PATH." if "traits" in members else ""
    return [
        OpenApiParameter(
            "expand",
            str,
            many=True,
            explode=False,
            enum=sorted(expand),
            description="Adds to the answer, comma-separated",
        ),
        OpenApiParameter(
            "fields",
            str,
            description=f"Only these members, comma-separated: {', '.join(members)}.{traits} The id is always there.",
        ),
    ]
