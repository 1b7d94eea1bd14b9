"""The one permission question, asked when data enters, at segment, at read and at activation. Fail-closed and explained."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from consent import ledger, rules
from consent.rules import Bit, Decision, Entry

__all__ = ["Decision", "flips_sql", "permits", "permits_many", "permits_profiles", "permitted_sql"]


def permits(
    digests: Collection[UUID], purpose: str, *, at: datetime, basis: str | None = None, known_at: datetime | None = None
) -> Decision:
    """Whether a purpose is permitted at `at` for the person who has these digests: the answer of the whole party.

    `basis` is the legal basis relied upon (default: the purpose's own). `known_at`: as the ledger and the parties were
    known then. Computed from the ledger, never from a cache."""
    return permits_many([digests], purpose, at=at, basis=basis, known_at=known_at)[0]


def permits_many(
    asks: Sequence[Collection[UUID]],
    purpose: str,
    *,
    at: datetime,
    basis: str | None = None,
    known_at: datetime | None = None,
) -> list[Decision]:
    """`permits` for many people at once, in their order. At most four round trips; one where nobody ever spoke of the
    purpose, as for most purposes that need no consent."""
    own, spoken = ledger.basis_of(purpose)
    if own is None:
        return [rules.UNKNOWN] * len(asks)
    if not spoken:
        return [_answer({}, frozenset(), purpose, at, basis or own)] * len(asks)
    asked = [frozenset(ask) for ask in asks]
    distinct = set(asked)  # a batch holds many events of one person
    held_by = ledger.parties_of(frozenset().union(*distinct), known_at=known_at)
    members = ledger.members_of(frozenset().union(*held_by.values()), known_at=known_at)
    people = {ask: _person(ask, held_by, members) for ask in distinct}
    found = ledger.entries_of(frozenset().union(*people.values()), purpose=purpose, known_at=known_at)
    answers = {ask: _answer(found, person, purpose, at, basis or own) for ask, person in people.items()}
    return [answers[ask] for ask in asked]


def permits_profiles(
    profile_ids: Collection[UUID], purpose: str, *, at: datetime, basis: str | None = None
) -> dict[UUID, Decision]:
    """`permits` for profiles by id: exactly what `permitted_sql` says of them. A profile without party: no entry."""
    own = _basis(purpose)
    if own is None:
        return dict.fromkeys(profile_ids, rules.UNKNOWN)
    members = ledger.members_of(profile_ids)
    found = ledger.entries_of(frozenset().union(*members.values()), purpose=purpose)
    return {it: _answer(found, frozenset(members.get(it, ())), purpose, at, basis or own) for it in profile_ids}


def permitted_sql(
    purpose: str, at: datetime, *, basis: str | None = None, column: str = "party_id"
) -> tuple[str, list[Any]]:
    """A SQL condition on a column that holds profile ids: whether `purpose` is permitted at `at`. Equals `permits_profiles`.

    Reads `consent_state`, at any moment, past or to come; nothing has to be brought up to date first."""
    relied = basis or _basis(purpose)
    blocks = rules.BLOCKS.get(relied or "")
    if blocks is None or _basis(purpose) is None:
        return "false", []
    bits, params = _bits_sql(purpose, at, column)
    needed = Bit.GRANTED if relied == "consent" else Bit.NONE
    return f"(({bits} & %s) = %s)", [*params, int(blocks | needed), int(needed)]


def flips_sql(purpose: str, at: datetime, *, column: str = "party_id") -> tuple[str, list[Any]]:
    """A SQL expression: the next moment after `at` at which time alone may change the answer, or null."""
    return (
        "(select s.state_moments[width_bucket(%s::timestamptz, s.state_moments) + 1] "
        f"from {_STATES} s where s.state_party = {column} and s.state_purpose = any(%s) "
        "order by s.state_purpose = '*' limit 1)",
        [at, [purpose, rules.EVERY]],
    )


# Renamed columns, so that an unqualified `party_id` of the caller means the caller's column and not this table's.
_STATES = (
    "(select party_id as state_party, purpose as state_purpose, moments as state_moments, verdicts as state_verdicts "
    "from consent_state)"
)


def _bits_sql(purpose: str, at: datetime, column: str) -> tuple[str, list[Any]]:
    return (
        "coalesce((select s.state_verdicts[width_bucket(%s::timestamptz, s.state_moments)] "
        f"from {_STATES} s where s.state_party = {column} and s.state_purpose = any(%s) "
        "order by s.state_purpose = '*' limit 1), 0)",
        [at, [purpose, rules.EVERY]],
    )


def _basis(purpose: str) -> str | None:
    return ledger.basis_of(purpose)[0]


def _person(ask: frozenset[UUID], held_by: dict[UUID, set[UUID]], members: dict[UUID, set[UUID]]) -> frozenset[UUID]:
    """All digests of the person who is asked about.

    One party that holds all the asked digests which anybody holds is that person: a family's phone that is also somebody
    else's does not bring in the other. When no party does, they are about to become one person: all of them answer."""
    known = {digest for digest in ask if digest in held_by}
    if not known:
        return ask
    touched = set().union(*(held_by[digest] for digest in known))
    whole = [party for party in touched if known <= members[party]]
    return ask.union(*(members[party] for party in (whole or touched)))


def _answer(
    found: dict[UUID, list[Entry]], person: frozenset[UUID], purpose: str, at: datetime, basis: str
) -> Decision:
    entries = ledger.entries_for(found, person)
    return rules.decide(rules.verdict(entries, person, purpose, at), purpose=purpose, basis=basis)
