"""Making and changing sources."""

import re
import secrets
from collections.abc import Sequence

from django.db import transaction

from cdp import audit
from cdp.sources import lookup
from cdp.sources.models import Source

OPERATE = (("operate", "contract"),)
BASES = ("consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests")
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}")


class InvalidSource(ValueError):
    """A source cannot be made as asked; `field` names what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def checked_purposes(purposes: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """`purposes` in the shape in which they are stored. Raises InvalidSource."""
    if not purposes:
        raise InvalidSource("purposes", "a source serves at least one purpose: without one all its data is denied")
    for purpose, basis in purposes:
        if not _SLUG.fullmatch(purpose):
            raise InvalidSource("purposes", "a purpose is 1 to 60 letters, digits, hyphens or underscores")
        if basis not in BASES:
            raise InvalidSource("purposes", f"a legal basis is one of {', '.join(BASES)}")
    if len({purpose for purpose, _ in purposes}) != len(purposes):
        raise InvalidSource("purposes", "a purpose has one legal basis")
    return [{"purpose": purpose, "basis": basis} for purpose, basis in purposes]


def _new_key() -> str:
    return "wk_" + secrets.token_urlsafe(32)


def create(
    name: str,
    *,
    by: audit.Actor,
    kind: str = "http",
    purposes: Sequence[tuple[str, str]] = OPERATE,
    priority: int = 50,
    region: str = "",
    namespace: str = "main",
) -> tuple[Source, str]:
    """Makes a source; returns it with its write key, which is kept only as a hash. Raises InvalidSource.

    `purposes` are pairs (purpose, legal basis of GDPR Art. 6(1)). A purpose that is not known stays denied."""
    if not _SLUG.fullmatch(name):
        raise InvalidSource("name", "a name is 1 to 60 letters, digits, hyphens or underscores")
    if kind not in Source.Kind.values:
        raise InvalidSource("kind", f"a kind is one of {', '.join(Source.Kind.values)}")
    key = _new_key()
    with transaction.atomic():
        source, made = Source.objects.get_or_create(
            name=name,
            defaults={
                "kind": kind,
                "purposes": checked_purposes(purposes),
                "priority": priority,
                "region": region.upper(),
                "namespace": namespace,
                "key_prefix": key[:8],
                "key_hash": lookup.key_hash(key),
            },
        )
        if not made:
            raise InvalidSource("name", "a source of this name exists")
        audit.record("source.create", by=by, object=("source", source.id), details=described(source))
    return source, key


def described(source: Source) -> dict[str, object]:
    """What the audit trail says of a source."""
    return {"name": source.name, "kind": source.kind, "purposes": source.purposes, "enabled": source.enabled}


def change(source: Source, *, by: audit.Actor, **values: object) -> Source:
    """Changes `purposes` (pairs), `priority`, `region`, `enabled`, `quiet_after` or `muted` of a source. Raises InvalidSource."""
    allowed = {"purposes", "priority", "region", "enabled", "quiet_after", "muted"}
    if set(values) - allowed:
        raise InvalidSource(sorted(set(values) - allowed)[0], "this cannot be changed once a source has data")
    if "purposes" in values:
        values["purposes"] = checked_purposes(values["purposes"])  # type: ignore[arg-type]
    with transaction.atomic():
        row = Source.objects.select_for_update().get(pk=source.pk)
        for field, value in values.items():
            setattr(row, field, value)
        row.save(update_fields=sorted(values))
        audit.record("source.change", by=by, object=("source", row.id), fields=sorted(values), details=described(row))
    transaction.on_commit(lookup.forget)
    return row


def rotate_write_key(source: Source, by: audit.Actor) -> str:
    """Gives a source a new write key, shown once. The old one ends now (within two seconds in other processes)."""
    key = _new_key()
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(key_prefix=key[:8], key_hash=lookup.key_hash(key))
        audit.record("source.rotate_key", by=by, object=("source", source.id))
    lookup.forget()
    transaction.on_commit(lookup.forget)
    return key
