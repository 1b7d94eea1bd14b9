"""What another rule would make of real golden records: looked at, not written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from consent.permits import permitted_sql
from identity import records, survivorship
from identity.golden import Survivor, stands
from identity.profilerows import contributions
from identity.records import Rec
from identity.strategies import Rule
from identity.traits import canonical

MOST = 400  # profiles that are opened
_LATEST = 50_000  # profiles among which they are looked for
# Newest first, by the primary key: the cost is the same however many there are.
_CONTESTED = """
SELECT r.profile_id FROM (SELECT id, records FROM identity_profile ORDER BY id DESC LIMIT %s) AS p
JOIN identity_record r ON r.profile_id = p.id
WHERE p.records > 1 AND (jsonb_exists(r.facts, %s) OR %s = ANY(r.attributes)) AND {permitted}
GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 DESC LIMIT %s
"""
_IN_USE = """
SELECT trait, count(*), count(*) FILTER (WHERE said > 1) FROM (
    SELECT p.id, t.trait, count(*) AS said FROM (SELECT id FROM identity_profile ORDER BY id DESC LIMIT %s) AS p
    JOIN identity_record r ON r.profile_id = p.id
    CROSS JOIN LATERAL (SELECT jsonb_object_keys(r.facts) AS trait UNION SELECT unnest(r.attributes)) AS t
    GROUP BY 1, 2) AS counted
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One profile's value now and then."""

    profile_id: UUID
    now: Survivor
    then: Survivor

    @property
    def differs(self) -> bool:
        """Would another value stand?"""
        return canonical(self.now.value) != canonical(self.then.value)


@dataclass(frozen=True, slots=True)
class Preview:
    """Profiles in which several records say something of the attribute: those whose value would change first. `typed`: those
    in which a steward's value stands, whatever the rule."""

    outcomes: list[Outcome] = field(default_factory=list)
    typed: int = 0

    @property
    def looked_at(self) -> int:
        """How many profiles."""
        return len(self.outcomes)

    @property
    def changed(self) -> int:
        """In how many of them another value would stand."""
        return sum(it.differs for it in self.outcomes)


def preview(trait: str, rule: Rule, *, at: datetime, purpose: str = "operate") -> Preview:
    """Compares a rule with the one of now, on the newest profiles that permit the purpose. Raises InvalidRule."""
    survivorship.check_for(trait, rule)
    now = survivorship.current().get(trait, survivorship.default(trait))
    outcomes = []
    for profile_id, recs in _contested(trait, at=at, purpose=purpose).items():
        said = contributions(recs)
        before, after = stands(trait, said, now), stands(trait, said, rule)
        if before is not None and after is not None:
            outcomes.append(Outcome(profile_id, before, after))
    outcomes.sort(key=lambda it: (not it.differs, -it.profile_id.int))
    return Preview(outcomes, sum(it.now.rule == "manual" for it in outcomes))


def _contested(trait: str, *, at: datetime, purpose: str) -> dict[UUID, Sequence[Rec]]:
    condition, params = permitted_sql(purpose, at, column="p.id")
    with connection.cursor() as cursor:
        cursor.execute(_CONTESTED.format(permitted=condition), [_LATEST, trait, trait, *params, MOST])
        ids = [row[0] for row in cursor.fetchall()]
    found: dict[UUID, list[Rec]] = {id: [] for id in ids}
    for rec in records.by_profile(ids).values():
        if rec.profile_id is not None:
            found[rec.profile_id].append(rec)
    return dict(found)


@dataclass(frozen=True, slots=True)
class Use:
    """In how many of the newest profiles an attribute is said, and in how many of them by several records."""

    profiles: int = 0
    contested: int = 0


def in_use(*, among: int = 2000) -> dict[str, Use]:
    """How the declared attributes occur among the newest profiles, whoever they are: counts only."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_USE, [among])
        return {trait: Use(profiles, contested) for trait, profiles, contested in cursor.fetchall()}
