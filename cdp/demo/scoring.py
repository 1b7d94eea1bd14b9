"""How well records were put together, against the known truth: B-cubed and pairwise. Pure.

A *true* label names the person a record is of, a *found* one the profile it is in. Sources: Bagga and Baldwin (1998) for
B-cubed; pairwise precision and recall as usual in record linkage (Christen 2012, section 7.3).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Score:
    """Shares from 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Resolved:
    """One record of the truth: who it is, which profile it is in, and the truth's tag."""

    person: str
    profile: Hashable
    tag: str


def b_cubed(records: Sequence[Resolved]) -> Score:
    """The mean over records: how much of a record's profile is its person, how much of its person is in its profile."""
    both, people, profiles = _table(records)
    if not records:
        return Score(1.0, 1.0)
    precision = sum(n * n / profiles[profile] for (_, profile), n in both.items()) / len(records)
    recall = sum(n * n / people[person] for (person, _), n in both.items()) / len(records)
    return Score(precision, recall)


def pairwise(records: Sequence[Resolved]) -> Score:
    """Over pairs of records: how many of the pairs put together are right, how many of the right pairs were put together."""
    both, people, profiles = _table(records)
    right = sum(map(_pairs, both.values()))
    found, true = sum(map(_pairs, profiles.values())), sum(map(_pairs, people.values()))
    return Score(right / found if found else 1.0, right / true if true else 1.0)


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def _table(
    records: Sequence[Resolved],
) -> tuple[Counter[tuple[str, Hashable]], Counter[str], Counter[Hashable]]:
    both = Counter((one.person, one.profile) for one in records)
    return both, Counter(one.person for one in records), Counter(one.profile for one in records)


@dataclass(frozen=True)
class Miss:
    """True pairs that were not put together, for one reason."""

    tag: str
    records: int
    people: int
    pairs: int


def misses(records: Sequence[Resolved], *, beyond: frozenset[str]) -> list[Miss]:
    """The true pairs apart, by the tag that explains them: the one of `beyond` (exact links cannot reach it) if either
    record has one, else "guarded": they share a value, and a guard against strangers kept them apart. Largest first."""
    by_person: dict[str, list[Resolved]] = defaultdict(list)
    for one in records:
        by_person[one.person].append(one)
    pairs: Counter[str] = Counter()
    people: dict[str, set[str]] = defaultdict(set)
    astray: dict[str, set[int]] = defaultdict(set)
    for person, theirs in by_person.items():
        for left, right in combinations(theirs, 2):
            if left.profile != right.profile:
                tag = next((one.tag for one in (left, right) if one.tag in beyond), "guarded")
                pairs[tag] += 1
                people[tag].add(person)
                astray[tag] |= {id(one) for one in (left, right) if one.tag == tag or tag == "guarded"}
    return [Miss(tag, len(astray[tag]), len(people[tag]), n) for tag, n in pairs.most_common()]


def wrong_pairs(records: Sequence[Resolved]) -> tuple[int, int]:
    """Pairs put together that are two people; and how many profiles hold such a pair."""
    both, _, profiles = _table(records)
    people_in: Counter[Hashable] = Counter(profile for _, profile in both)
    wrong = sum(map(_pairs, profiles.values())) - sum(map(_pairs, both.values()))
    return wrong, sum(1 for n in people_in.values() if n > 1)


def largest(records: Sequence[Resolved]) -> int:
    """Records in the largest profile."""
    return max(Counter(one.profile for one in records).values(), default=0)


def reasons() -> Mapping[str, str]:
    """What each tag of a miss means, in words."""
    return {
        "changed_email": "signs in with an older mailbox",
        "changed_email_and_phone": "new mailbox and new telephone since the card was made",
        "typo_in_every_identifier": "every identifier was mistyped",
        "no_contact_given": "gave the loyalty programme neither mailbox nor telephone",
        "married_and_new_contacts": "married: another name, mailbox and telephone",
        "second_customer_number": "a second customer number, made by a clerk who did not find the first",
        "no_shared_identifier": "no identifier in common with the main part of the person's records",
        "guarded": "share a value, kept apart: retired, other name or birth date, told apart by their source",
    }
