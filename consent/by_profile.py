"""The permission question about profiles for every purpose at once: one read, which a caller may send along with others."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cdp.arrays import uuids
from cdp.database.together import Rows, Statement, together
from consent import ledger, rules
from consent.rules import Decision, Entry

_PURPOSES = "SELECT key, basis FROM consent_purpose ORDER BY key"
# One row for each digest and entry about it; digests that nobody spoke of have a row too.
_SAID = """
SELECT p.party_id, p.digest, e.id, e.purpose, e.status, e.effective_from, e.expires_at, e.subjects
FROM consent_party p
LEFT JOIN consent_subject s ON s.digest = p.digest
LEFT JOIN consent_ledgerentry e ON e.id = s.entry_id
WHERE p.party_id = ANY(%s::uuid[]) AND p.valid_to IS NULL
"""


@dataclass(slots=True)
class Standing:
    """What is permitted for a profile, by purpose, and the digests that it is known by."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    digests: frozenset[UUID] = frozenset()


def statements(profile_ids: Collection[UUID]) -> tuple[Statement, Statement]:
    """What `standings` reads."""
    return (_PURPOSES, []), (_SAID, [uuids(profile_ids)])


def standings(profile_ids: Collection[UUID], read: Sequence[Rows], *, at: datetime) -> dict[UUID, Standing]:
    """Of each profile, from the rows of `statements`: exactly what `permits_profiles` says for each purpose on its own basis.

    One query more only where an entry was given under an identifier that is not the profile's: it may be nobody's own."""
    purposes, said = read
    digests: defaultdict[UUID, set[UUID]] = defaultdict(set)
    entries: defaultdict[UUID, dict[UUID, Entry]] = defaultdict(dict)
    for party, digest, entry, purpose, status, effective_from, expires_at, subjects in said:
        digests[party].add(digest)
        if entry is not None:
            entries[party][entry] = Entry(entry, purpose, status, tuple(subjects), effective_from, expires_at)
    _without_nobody(digests, entries)
    found = {}
    for party in profile_ids:
        person, about = frozenset(digests.get(party, ())), entries.get(party, {}).values()
        verdicts = {key: rules.verdict(about, person, key, at) for key, _ in purposes}
        decisions = {key: rules.decide(verdicts[key], purpose=key, basis=basis) for key, basis in purposes}
        found[party] = Standing(decisions, person)
    return found


def permits_purposes(profile_id: UUID, *, at: datetime) -> Standing:
    """`standings` of one profile."""
    return standings([profile_id], together(*statements([profile_id])), at=at)[profile_id]


def _without_nobody(digests: Mapping[UUID, Collection[UUID]], entries: Mapping[UUID, dict[UUID, Entry]]) -> None:
    """Takes the identifiers that are nobody's own out of the subjects, in place (see `ledger`)."""
    strangers = {
        subject
        for party, about in entries.items()
        for entry in about.values()
        for subject in entry.subjects
        if subject not in digests[party]
    }
    nobody = ledger.nobody_of(strangers)
    if not nobody:
        return
    for about in entries.values():
        for id, entry in about.items():
            left = tuple(subject for subject in entry.subjects if subject not in nobody)
            if len(left) < len(entry.subjects):
                about[id] = Entry(entry.id, entry.purpose, entry.status, left, entry.effective_from, entry.expires_at)
