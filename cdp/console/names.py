"""What a person is called on a page, as far as the reader may see it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from cdp.console import shown
from identity import records
from identity.models import Profile
from identity.names import FAMILY, FULL, GIVEN
from identity.records import Rec
from identity.traits import whole

NOBODY = "Anonymous"


def called(traits: Mapping[str, Any], identifiers: Iterable[Mapping[str, Any]] = ()) -> str:
    """The name in golden traits (masked or not), else an e-mail address, else "Anonymous"."""
    given, family = (next((str(traits[n]) for n in names if traits.get(n)), "") for names in (GIVEN, FAMILY))
    full = next((str(traits[n]) for n in FULL if traits.get(n)), "")
    name = " ".join(part for part in (given, family) if part) or full
    if name:
        return name
    return next((str(it["value"]) for it in identifiers if it["kind"] == "email"), NOBODY)


def of_record(rec: Rec) -> str:
    """The masked name that one record says."""
    said = {name: whole(rec.facts, rec.sealed, name) for name in (*GIVEN, *FAMILY, *FULL, "email")}
    traits = {name: shown.value(name, it, "identifying", open=False) for name, it in said.items() if it}
    return called(traits, [{"kind": "email", "value": traits["email"]}] if "email" in traits else [])


def of_profiles(rows: Iterable[Profile], *, open: Collection[UUID] = ()) -> dict[UUID, str]:
    """The names of many profiles, masked but for those that stand `open`: the provenance says which record has each name. One
    query, one to the vault."""
    wanted: dict[UUID, dict[str, UUID]] = {}
    for row in rows:
        wanted[row.id] = {
            name: UUID(row.provenance[name]["record"])
            for name in (*GIVEN, *FAMILY, *FULL, "email")
            if name in row.provenance
        }
    opened = records.by_id({record for names in wanted.values() for record in names.values()})
    found = {}
    for profile_id, names in wanted.items():
        traits = {
            name: shown.value(
                name, whole(opened[record].facts, opened[record].sealed, name), "identifying", open=profile_id in open
            )
            for name, record in names.items()
            if record in opened
        }
        email = [{"kind": "email", "value": traits["email"]}] if traits.get("email") else []
        found[profile_id] = called(traits, email)
    return found
