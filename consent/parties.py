"""Which digests are one person: kept from identity's merges and splits, with the time when it was known."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from consent import ledger, locks, states

_CLOSE = """
update consent_party p set valid_to = %s
from unnest(%s::uuid[], %s::uuid[]) as t(party, digest)
where p.party_id = t.party and p.digest = t.digest and p.valid_to is null
"""
_OPEN = """
insert into consent_party (party_id, digest, valid_from)
select t.party, t.digest, %s from unnest(%s::uuid[], %s::uuid[]) as t(party, digest) order by 1, 2
on conflict (digest, party_id) where valid_to is null do nothing
"""


def regroup(parties: Mapping[UUID, Collection[UUID]], *, at: datetime) -> None:
    """Says which digests each of these profiles has from `at` on: all of them, or none when the profile is gone.

    In the caller's transaction; takes the lock of people. What did not change costs one query. The states of what did are
    brought up to date; telling others (`outbox.changed`) is the caller's, who knows of merges and splits."""
    if not parties:
        return
    locks.take()
    known = ledger.members_of(parties.keys())
    opened: list[tuple[UUID, UUID]] = []
    closed: list[tuple[UUID, UUID]] = []
    for party, digests in parties.items():
        before, after = known.get(party, set()), set(digests)
        opened += [(party, digest) for digest in after - before]
        closed += [(party, digest) for digest in before - after]
    with connection.cursor() as cursor:
        if closed:
            cursor.execute(_CLOSE, [at, [party for party, _ in closed], [digest for _, digest in closed]])
        if opened:
            cursor.execute(_OPEN, [at, [party for party, _ in opened], [digest for _, digest in opened]])
    states.refresh({party for party, _ in (*opened, *closed)})
