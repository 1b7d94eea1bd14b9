"""States: the fold of each party's ledger, stored so that segments and lists can join it."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from cdp.arrays import uuids
from cdp.database.together import execute, together
from consent import ledger, rules


class Row(NamedTuple):
    """One state, as it is stored."""

    party_id: UUID
    purpose: str
    moments: list[datetime]
    verdicts: list[int]


_UPSERT = """
insert into consent_state (party_id, purpose, moments, verdicts)
select t.party, t.purpose, t.moments::timestamptz[], t.verdicts::smallint[]
from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) as t(party, purpose, moments, verdicts)
order by 1, 2
on conflict (party_id, purpose) do update set moments = excluded.moments, verdicts = excluded.verdicts
where (consent_state.moments, consent_state.verdicts) is distinct from (excluded.moments, excluded.verdicts)
"""
_DROP = """
delete from consent_state s where s.party_id = any(%s::uuid[]) and not exists (
    select from unnest(%s::uuid[], %s::text[]) as t(party, purpose) where t.party = s.party_id and t.purpose = s.purpose)
"""


def folded(parties: Collection[UUID], *, known: Mapping[UUID, Collection[UUID]] | None = None) -> list[Row]:
    """What the states of these parties must be. One query; one more where the digests of some are not `known`."""
    known = known or {}
    members = {**known, **ledger.members_of([party for party in parties if party not in known])}
    found = ledger.entries_of(set().union(*members.values()) if members else set())
    rows = []
    for party, digests in members.items():
        entries = ledger.entries_for(found, digests)
        for purpose in sorted({entry.purpose for entry in entries}):
            moments, verdicts = rules.timeline(entries, digests, purpose)
            if moments:
                rows.append(Row(party, purpose, moments, verdicts))
    return rows


def refresh(parties: Collection[UUID], *, known: Mapping[UUID, Collection[UUID]] | None = None) -> None:
    """Brings the states of these parties up to date, in the caller's transaction, under the lock of people. `known`: the
    digests of some of them, as they are now."""
    if not parties:
        return
    rows = folded(parties, known=known)
    ids, purposes = [row.party_id for row in rows], [row.purpose for row in rows]
    execute(_DROP, [uuids(parties), ids, purposes])
    if rows:
        moments = ["{" + ",".join(it.astimezone(UTC).isoformat() for it in row.moments) + "}" for row in rows]
        verdicts = ["{" + ",".join(map(str, row.verdicts)) + "}" for row in rows]
        execute(_UPSERT, [ids, purposes, moments, verdicts])


def stored(parties: Collection[UUID]) -> list[Row]:
    """The states of these parties as they are stored."""
    (found,) = together(
        (
            "select party_id, purpose, moments, verdicts from consent_state where party_id = any(%s::uuid[])",
            [uuids(parties)],
        )
    )
    return [Row(*row) for row in found]
