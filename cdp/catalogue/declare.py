"""Declaring what a field means: the act by which its name, and for a fact its values, may stand in clear."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from cdp import audit
from cdp.catalogue import digests, paths, snapshot
from cdp.catalogue.builtin import FIELDS
from cdp.catalogue.identifiers import KINDS
from cdp.catalogue.models import Field, Version
from cdp.catalogue.observe import open_name
from cdp.catalogue.shapes import Shape, Suggestion, suggest

_FIRM = {(it.scope, it.name) for it in FIELDS if it.identifier}
_TYPES = frozenset(Field.Type.values) - {"name"}


class InvalidDeclaration(ValueError):
    """A field cannot be declared as asked; `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Suggested(NamedTuple):
    """An undeclared key with its opened name and what it should be declared as."""

    field: Field
    name: str
    suggestion: Suggestion


def declare(
    field: Field,
    *,
    by: audit.Actor,
    name: str = "",
    data_class: str,
    type: str = "text",
    identifier: str = "",
    purposes: Iterable[str] = (),
) -> Field:
    """Declares an undeclared (or re-declares a declared) row. Without `name` it keeps its own, opened.

    Data that comes from now on is split by the new declaration; what is stored already is not rewritten by it."""
    own = field.name or (open_name(field.id, bytes(field.sealed_name)) if field.sealed_name else "")
    if name and name != own:
        raise InvalidDeclaration("name", "a key keeps its name")
    return declare_named(field.scope, own, type, data_class, identifier=identifier, purposes=purposes, by=by)


def declare_named(
    scope: str,
    name: str,
    type: str,
    data_class: str,
    *,
    by: audit.Actor,
    identifier: str = "",
    purposes: Iterable[str] = (),
) -> Field:
    """Declares a path of a scope (`trait`, `group`, `property`, `context`), or an event's name (scope `event`, type `name`,
    class `fact`), seen or not. Declaring the same again changes nothing. Raises InvalidDeclaration."""
    _check(scope, name, type, data_class, identifier)
    wanted = {
        "name": name, "type": type, "data_class": data_class, "identifier": identifier, "purposes": sorted(set(purposes)),
    }  # fmt: skip
    with transaction.atomic():
        field, made = Field.objects.select_for_update().get_or_create(
            scope=scope, digest=digests.of(scope, name), defaults={"data_class": Field.DataClass.UNDECLARED}
        )
        if not made and all(getattr(field, key) == value for key, value in wanted.items()):
            return field
        for key, value in wanted.items():
            setattr(field, key, value)
        field.sealed_name, field.declared_at = None, datetime.now(UTC)
        field.save(update_fields=[*wanted, "sealed_name", "declared_at"])
        raise_version()
        audit.record(
            "catalogue.declare",
            by=by,
            object=("field", field.id),
            fields=[f"{scope} {name}"],
            details={"class": data_class, "type": type, "identifier": identifier},
        )
    return field


def withdraw(field: Field, *, by: audit.Actor) -> None:
    """Undoes a declaration: from now on the key is sealed again. The row goes, and comes back when the key is seen."""
    with transaction.atomic():
        audit.record("catalogue.withdraw", by=by, object=("field", field.id), fields=[f"{field.scope} {field.name}"])
        Field.objects.filter(pk=field.pk).delete()
        raise_version()


def raise_version() -> None:
    """Lets every process read the declarations, and what is remembered with them, anew within a second. In the caller's
    transaction, whose end whoever else declares waits for."""
    Version.objects.filter(pk=1).update(number=F("number") + 1)
    snapshot.forget()
    transaction.on_commit(snapshot.forget)


def _check(scope: str, name: str, type: str, data_class: str, identifier: str) -> None:
    if scope not in Field.Scope.values:
        raise InvalidDeclaration("scope", f"a scope is one of {', '.join(Field.Scope.values)}")
    if not name or len(name) > paths.LONGEST or "\0" in name:
        raise InvalidDeclaration("name", f"a name has 1 to {paths.LONGEST} characters")
    if data_class not in (Field.DataClass.FACT, Field.DataClass.IDENTIFYING):
        raise InvalidDeclaration("data_class", "a declaration says fact or identifying")
    if scope == Field.Scope.EVENT:
        if (type, data_class, identifier) != ("name", "fact", ""):
            raise InvalidDeclaration("type", "an event's name is declared with type name and class fact")
        return
    try:
        paths.steps(name)
    except paths.InvalidPath as error:
        raise InvalidDeclaration("name", str(error)) from None
    if type not in _TYPES:
        raise InvalidDeclaration("type", f"a type is one of {', '.join(sorted(_TYPES))}")
    if identifier and (identifier not in KINDS or scope != "trait" or data_class != "identifying"):
        raise InvalidDeclaration("identifier", f"an identifying trait may carry one of {', '.join(KINDS)}")
    if (scope, name) in _FIRM and data_class != Field.DataClass.IDENTIFYING:
        raise InvalidDeclaration("data_class", "what identifies a person stays identifying")


def suggestions(scope: str | None = None, *, limit: int = 500) -> list[Suggested]:
    """Undeclared keys, those seen most first, with opened names. The caller has asked whether the reader may see them."""
    rows = Field.objects.filter(data_class=Field.DataClass.UNDECLARED).order_by("-seen", "id")
    if scope:
        rows = rows.filter(scope=scope)
    found = []
    for field in rows[:limit]:
        name = open_name(field.id, bytes(field.sealed_name)) if field.sealed_name else ""
        found.append(Suggested(field, name, suggestion_for(field, name)))
    return found


def suggestion_for(field: Field, name: str) -> Suggestion:
    """What an undeclared key should be declared as."""
    if field.scope == Field.Scope.EVENT:
        return Suggestion("fact", "name", "the name of an event: accept it if it names no person")
    return suggest(name, Shape.of(field.shape))


def accept(field: Field, *, by: audit.Actor) -> Field:
    """Declares an undeclared key as suggested."""
    name = open_name(field.id, bytes(field.sealed_name)) if field.sealed_name else field.name
    suggestion = suggestion_for(field, name)
    return declare(field, by=by, data_class=suggestion.data_class, type=suggestion.type)
