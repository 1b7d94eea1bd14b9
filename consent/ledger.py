"""Reads of the ledger and of parties, set-based: what the fold is computed from."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.arrays import uuids
from cdp.database.together import together
from consent import locks
from consent.rules import EVERY, Entry

# The party of digests that are nobody's own: identifiers shared by too many to tell who is meant (see `parties.regroup`).
NOBODY = UUID(int=0)
_ENTRIES = """
select e.id, e.purpose, e.status, e.effective_from, e.expires_at, array(
    select s from unnest(e.subjects) s where not exists (
        select from consent_party p where p.digest = s and p.party_id = '{nobody}' and {valid}))
from consent_ledgerentry e
where e.id in (select entry_id from consent_subject where digest = any(%s::uuid[]))
"""
_BASIS = "select basis from consent_purpose where key = %s"
_SPEAKS = "select exists (select from consent_ledgerentry where purpose = any(%s::text[]))"
_NOBODYS = "select digest from consent_party where party_id = %s and valid_to is null and digest = any(%s::uuid[])"
_PARTIES = (
    "select p.digest, p.party_id from consent_party p where p.digest = any(%s::uuid[]) and p.party_id <> %s and {valid}"
)
_MEMBERS = "select p.party_id, p.digest from consent_party p where p.party_id = any(%s::uuid[]) and {valid}"


def basis_of(purpose: str) -> tuple[str | None, bool]:
    """The legal basis of a purpose, None where it is not defined; whether the ledger has any entry about it or about every
    purpose. Index look-ups in one round trip."""
    defined, ((spoken,),) = together((_BASIS, [purpose]), (_SPEAKS, [[purpose, EVERY]]))
    return (defined[0][0] if defined else None), spoken


def entries_of(
    digests: Collection[UUID], *, purpose: str | None = None, known_at: datetime | None = None
) -> dict[UUID, list[Entry]]:
    """Digest -> its entries (those of one purpose and of "*", or all), as known at `known_at` or now. One query.

    Subjects that are nobody's own are left out of them: they neither give a consent to a person nor take one away."""
    if not digests:
        return {}
    valid, moments = _valid(known_at)
    sql, params = _ENTRIES.format(valid=valid, nobody=NOBODY), [*moments, uuids(digests)]
    if purpose is not None:
        sql += " and e.purpose = any(%s::text[])"
        params.append([purpose, EVERY])
    if known_at is not None:
        sql += " and e.recorded_at <= %s"
        params.append(known_at)
    found: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for entry_id, about, status, effective_from, expires_at, subjects in together((sql, params))[0]:
        entry = Entry(entry_id, about, status, tuple(subjects), effective_from, expires_at)
        for subject in entry.subjects:
            if subject in digests:
                found[subject].append(entry)
    return found


def entries_for(found: dict[UUID, list[Entry]], digests: Iterable[UUID]) -> list[Entry]:
    """The entries of some digests, each once."""
    return list({entry.id: entry for digest in digests for entry in found.get(digest, ())}.values())


def _valid(known_at: datetime | None) -> tuple[str, list[Any]]:
    """A condition on parties, and its parameters."""
    if known_at is None:
        return "p.valid_to is null", []
    return "p.valid_from <= %s and (p.valid_to is null or p.valid_to > %s)", [known_at, known_at]


def nobody_of(digests: Collection[UUID]) -> set[UUID]:
    """Those of the digests that are nobody's own now. Such a digest is in no party besides (see `parties.regroup`)."""
    if not digests:
        return set()
    return {digest for (digest,) in together((_NOBODYS, [NOBODY, uuids(digests)]))[0]}


def parties_of(digests: Collection[UUID], *, known_at: datetime | None = None) -> dict[UUID, set[UUID]]:
    """Digest -> the parties that hold it."""
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    if digests:
        valid, moments = _valid(known_at)
        for digest, party in together((_PARTIES.format(valid=valid), [uuids(digests), NOBODY, *moments]))[0]:
            found[digest].add(party)
    return found


def locked(parties: Collection[UUID], digests: Collection[UUID]) -> tuple[dict[UUID, set[UUID]], set[UUID]]:
    """Takes the lock of people: `members_of` and `nobody_of` as they are from then on. One round trip."""
    now, _ = _valid(None)
    held, free = locks.take((_MEMBERS.format(valid=now), [uuids(parties)]), (_NOBODYS, [NOBODY, uuids(digests)]))
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for party, digest in held:
        found[party].add(digest)
    return found, {digest for (digest,) in free}


def members_of(parties: Collection[UUID], *, known_at: datetime | None = None) -> dict[UUID, set[UUID]]:
    """Party -> the digests that it holds."""
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    if parties:
        valid, moments = _valid(known_at)
        for party, digest in together((_MEMBERS.format(valid=valid), [uuids(parties), *moments]))[0]:
            found[party].add(digest)
    return found
