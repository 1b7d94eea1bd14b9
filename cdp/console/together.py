"""What a person's page shows of the records as one: the picture, why they are together, who is near, what was decided."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest

from cdp.access.principals import holds, purpose_of
from cdp.catalogue.identifiers import KINDS
from cdp.console import bridges, graph, names, shown
from cdp.console.bridges import Hold
from cdp.console.gate import Person
from cdp.sources import lookup
from consent.permits import permits_profiles
from identity import profiles
from identity.components import components
from identity.household import household
from identity.models import Constraint, Merge, Profile, Record
from identity.names import NOBODY
from identity.profiles import LinkView
from identity.suspects import Pair, contradicting

_ACTS = 50
DECIDED = "decided by a steward"


def context(request: HttpRequest, person: Person, listed: list[dict[str, Any]], *, at: datetime) -> dict[str, Any]:
    """The tabs of records and of history. `listed`: the records as the page shows them."""
    called = {it["id"]: f"{it['source']} {it['key']} ({it['first_seen']:%-d %b %Y})" for it in listed}
    links = profiles.links_of(person.id)
    decided = profiles.constraints_of(person.id)
    holders = [rec.holder() for rec in person.known.recs]
    against = contradicting(holders)
    others = {it.id for it in holders if it.person != NOBODY} - against
    silent = {it.id for it in holders if not it.strong and it.person == NOBODY}
    hold = bridges.holding(_edges(links, decided, person.record_ids), _by_value(links), against, others, silent)
    act = _act_alone(links, decided, person.record_ids)
    weak = act.pairs if act else [hold.pair] if hold and hold.pair and hold.parts else []
    return {
        "picture": graph.draw(_nodes(listed), [*links, *by_hand(decided)], weak=weak) if listed else "",
        "links": _links(person, links, called),
        "why": act.why() if act else _why(hold, links, called, _shown(person)) if hold else None,
        "against": against,
        "household": _household(request, person, at=at),
        "decisions": _decisions(decided, called),
        "history": history(person),
        "kinds": [kind for kind in KINDS if kind != "row"],
        "may_decide": holds(request, "merges:write"),
    }


def _nodes(listed: Iterable[dict[str, Any]]) -> list[graph.Node]:
    return [graph.Node(it["id"], it["source"], it["key_kind"]) for it in listed]


def by_hand(decided: Iterable[Constraint]) -> list[LinkView]:
    """Must-links as lines of the picture, as thick as a user id."""
    joined = [it for it in decided if it.verdict == Constraint.Verdict.MUST_LINK]
    return [LinkView(it.left_id, it.right_id, DECIDED, "", None, 40.0, it.at) for it in joined]


def _edges(links: Iterable[LinkView], decided: Iterable[Constraint], inside: Collection[UUID]) -> dict[Pair, float]:
    """Pairs of the profile's records -> bits of all that joins them; of a decision infinite."""
    found: dict[Pair, float] = {}
    for link in links:
        found[link.left, link.right] = found.get((link.left, link.right), 0.0) + link.weight
    for it in decided:
        if it.verdict == Constraint.Verdict.MUST_LINK and it.left_id in inside and it.right_id in inside:
            found[it.left_id, it.right_id] = float("inf")
    return found


class _Act(NamedTuple):
    """What a steward decided at one moment, without which there would be so many `parts`."""

    actor: str
    at: datetime
    pairs: list[Pair]
    parts: int

    def why(self) -> dict[str, Any]:
        """As `_why`."""
        return {"alone": self.parts, "odd": False, "who": actors([self.actor])[self.actor], "at": self.at}


def _act_alone(links: Iterable[LinkView], decided: Iterable[Constraint], inside: Collection[UUID]) -> _Act | None:
    """The latest act that alone holds the records together: of what a person joined a person asks first whether it was right."""
    acts: dict[tuple[datetime, str], list[Pair]] = {}
    for it in decided:
        if it.verdict == Constraint.Verdict.MUST_LINK:
            acts.setdefault((it.at, it.actor), []).append((it.left_id, it.right_id))
    linked = [(it.left, it.right) for it in links]
    for at, actor in sorted(acts, reverse=True):
        others = [pair for act, pairs in acts.items() if act != (at, actor) for pair in pairs]
        parts = len(components(inside, [*linked, *others]))
        if parts > 1:
            return _Act(actor, at, acts[at, actor], parts)
    return None


def _by_value(links: Iterable[LinkView]) -> dict[UUID, dict[Pair, float]]:
    """Digest of a shared value -> the pairs that it joins, with bits."""
    found: dict[UUID, dict[Pair, float]] = {}
    for link in links:
        if link.digest is not None:
            found.setdefault(link.digest, {})[link.left, link.right] = link.weight
    return found


def _why(hold: Hold, links: Iterable[LinkView], called: dict[UUID, str], values: dict[UUID, str]) -> dict[str, Any]:
    """Why these records are one person, in a sentence's parts: what alone holds them, or the weakest of what does."""
    own = [it for it in links if (it.left, it.right) == hold.pair]
    by_value = [it for it in links if hold.digest is not None and it.digest == hold.digest]
    elsewhere = "a record of a source that you do not see"
    return {
        "alone": len(hold.parts), "odd": hold.odd, "bits": sum(it.weight for it in own) or hold.bits,
        "decided": hold.bits == float("inf"), "rules": [it.rule for it in own or by_value[:1]],
        "probability": own[0].probability if len(own) == 1 else None,
        "left": called.get(hold.pair[0], elsewhere) if hold.pair else "",
        "right": called.get(hold.pair[1], elsewhere) if hold.pair else "",
        "value": values.get(hold.digest, "") if hold.digest else "",
    }  # fmt: skip


def _shown(person: Person) -> dict[UUID, str]:
    return {it.digest: shown.identifier(it, open=person.open) for it in person.known.identifiers}


def _links(person: Person, links: Iterable[LinkView], called: dict[UUID, str]) -> list[dict[str, Any]]:
    values = _shown(person)
    return [
        {
            "rule": it.rule, "bits": it.weight, "probability": it.probability, "left": called.get(it.left, ""),
            "right": called.get(it.right, ""), "value": values.get(it.digest) if it.digest else None,
        }
        for it in links
    ]  # fmt: skip


def _household(request: HttpRequest, person: Person, *, at: datetime) -> list[dict[str, Any]]:
    """Who shares a value, by masked name; who does not permit the reader's purpose is left out."""
    members = household(person.id)
    allowed = permits_profiles([it.profile_id for it in members], purpose_of(request), at=at)
    seen = [it for it in members if it.profile_id in allowed and allowed[it.profile_id].allowed]
    rows = {row.id: row for row in Profile.objects.filter(id__in=[it.profile_id for it in seen])}
    called = names.of_profiles(rows.values())
    return [
        {"id": it.profile_id, "kinds": it.kinds, "name": called[it.profile_id], "records": rows[it.profile_id].records}
        for it in seen
        if it.profile_id in rows
    ]


def _decisions(decided: Sequence[Constraint], called: dict[UUID, str]) -> list[dict[str, Any]]:
    """A row for each act of deciding: what was decided at one moment by one steward is taken back as one."""
    who, elsewhere = actors([it.actor for it in decided]), "a record of somebody else"
    acts: dict[tuple[str, str, datetime], list[Constraint]] = {}
    for it in decided:
        acts.setdefault((it.verdict, it.actor, it.at), []).append(it)
    return [
        {
            "id": own[0].id,
            "verdict": verdict,
            "at": at,
            "who": who[actor],
            "left": called.get(own[0].left_id, elsewhere),
            "right": called.get(own[0].right_id, elsewhere),
            "more": len(own) - 1,
        }
        for (verdict, actor, at), own in acts.items()
    ]


def history(person: Person) -> list[dict[str, Any]]:
    """Merges and splits, the latest first: what moved, because of what, by whom."""
    acts = profiles.history_of(person.id, most=_ACTS)
    who = actors([act.actor for act in acts])
    of = Record.objects.filter(id__in={record for act in acts for record in act.records})
    moved = dict(of.values_list("id", "source_id"))
    sources = lookup.load(set(moved.values()))
    return [
        {
            "act": act,
            "who": who[act.actor],
            "sources": sorted({sources[moved[it]].name for it in act.records if moved.get(it) in sources}),
            "undoable": act.kind == Merge.Kind.MERGED or bool(act.because.get("constraints")),
        }
        for act in acts
    ]


def actors(signatures: Iterable[str]) -> dict[str, str]:
    """Signatures ("user:7", "key:019c...", "pipeline") -> who that is, in words."""
    wanted = set(signatures)
    ids = {it: it.partition(":")[2] for it in wanted if it.startswith("user:")}
    named = {str(pk): name for pk, name in User.objects.filter(pk__in=[id for id in ids.values() if id.isdigit()]).values_list(
        "pk", "username")}  # fmt: skip
    return {it: named.get(ids.get(it, ""), it if len(it) <= 20 else f"{it[:12]}…") for it in wanted}
