"""Which digests are one person: kept from identity's merges and splits, with the time when it was known."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from cdp.arrays import uuids
from cdp.database.together import execute, together
from consent import ledger, states

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


_COMPANY = """
select distinct p.party_id from consent_subject s
join consent_ledgerentry e on e.id = s.entry_id
join consent_party p on p.digest = any(e.subjects) and p.valid_to is null and p.party_id <> %s
where s.digest = any(%s::uuid[])
"""


def regroup(parties: Mapping[UUID, Collection[UUID]], *, at: datetime, nobody: Collection[UUID] = ()) -> None:
    """Says which digests each of these profiles has from `at` on: all of them, or none when the profile is gone.

    `nobody`: digests that from now on are nobody's own (junk, or shared by too many). A statement given under one of them
    together with others is about the person of the others; one that is later in a party again is somebody's again.

    In the caller's transaction; takes the lock of people. What did not change costs one query. The states of what did are
    brought up to date; telling others (`outbox.changed`) is the caller's, who knows of merges and splits."""
    if not parties and not nobody:
        return
    wanted = {party: set(digests) for party, digests in parties.items()}
    asked = set().union(*wanted.values())
    somebody = asked - set(nobody)
    known, unowned = ledger.locked(wanted, asked.union(nobody))
    wanted[ledger.NOBODY] = (unowned | set(nobody)) - somebody
    known[ledger.NOBODY] = unowned
    opened = [(party, digest) for party, digests in wanted.items() for digest in digests - known.get(party, set())]
    closed = [(party, digest) for party, digests in wanted.items() for digest in known.get(party, set()) - digests]
    for statement, rows in ((_CLOSE, closed), (_OPEN, opened)):
        if rows:
            execute(statement, [at, *map(uuids, zip(*rows, strict=True))])
    touched = {party for party, _ in (*opened, *closed)}
    if ledger.NOBODY in touched:
        touched |= _company({digest for party, digest in (*opened, *closed) if party == ledger.NOBODY})
        touched.discard(ledger.NOBODY)
    states.refresh(touched, known={party: wanted[party] for party in touched & wanted.keys()})


def _company(digests: Collection[UUID]) -> set[UUID]:
    """The parties of all subjects of the entries that name one of these digests: who counts there has changed."""
    return {party for (party,) in together((_COMPANY, [ledger.NOBODY, uuids(digests)]))[0]}
