"""Which system knows which person, and by what: decided once, so that the files agree with the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random

from cdp.demo.mess import chosen, dice
from cdp.demo.people import Person

LINKS = (("customer_number", 0.42), ("email", 0.32), ("phone", 0.16), ("none", 0.10))


@dataclass(frozen=True)
class Plan:
    """One person's places. Numbers are "" where the person is not known to that system.

    second_number: what a clerk would give who does not find the first. link: what the loyalty record shares with the
    CRM record (customer_number, email, phone, none); reason: why it shares nothing. old_card: a lost card, used until
    `replaced_at`. since: first known to the grocer.
    """

    person: Person
    since: datetime
    customer_number: str
    second_number: str
    card: str
    old_card: str
    replaced_at: datetime | None
    web_id: str
    web_has_customer_number: bool
    alias_of: str
    link: str
    reason: str


@dataclass(frozen=True)
class Habits:
    """What the grocer's data say of the households: who must have a card, who redeems coupons, when each first bought."""

    members: frozenset[int]
    redeemers: frozenset[int]
    first_bought: Mapping[int, datetime]
    year_start: datetime
    until: datetime


def plan(people: Sequence[Person], habits: Habits, *, seed: int) -> list[Plan]:
    """A plan for each person, in order. Whoever answers for demographics or campaigns holds a card: the programme told
    us of them."""
    throw = dice("plans", seed)
    numbers = _Numbers(throw, len(people) * 2)
    return [_plan(throw, numbers, person, habits) for person in people]


class _Numbers:
    """Numbers that no two people get."""

    def __init__(self, throw: Random, how_many: int) -> None:
        self.customers = iter(throw.sample(range(100_000, 999_999), how_many))
        self.cards = iter(throw.sample(range(10**8, 10**9), how_many))
        self.web = iter(throw.sample(range(10_000, 99_999), how_many))

    def customer(self) -> str:
        return f"C{next(self.customers)}"

    def card(self) -> str:
        return f"6006{next(self.cards)}"

    def account(self) -> str:
        return f"shopper-{next(self.web)}"


def _plan(throw: Random, numbers: _Numbers, person: Person, habits: Habits) -> Plan:
    shops = person.role == "shopper"
    household = person.household_id
    since = _since(throw, person, habits)
    online = throw.random() < 0.28 or (shops and household in habits.redeemers)
    card = throw.random() < (0.3 if not shops else 1.0 if household in habits.members else 0.88)
    known = throw.random() < (0.85 if shops else 0.75) or not (card or online)
    lost = shops and card and throw.random() < 0.03
    customer_number = numbers.customer() if known else ""
    by_number = online and known and throw.random() < 0.6
    # A few of those who have both began with an account of the web shop's own and were renamed to the customer number.
    own_account = numbers.account() if online and (not by_number or throw.random() < 0.05) else ""
    link = chosen(throw, LINKS) if known and card else ""
    return Plan(
        person=person,
        since=since,
        customer_number=customer_number,
        second_number=numbers.customer(),
        card=numbers.card() if card else "",
        old_card=numbers.card() if lost else "",
        replaced_at=habits.year_start + timedelta(days=throw.randint(90, 270)) if lost else None,
        web_id=customer_number if by_number else own_account,
        web_has_customer_number=by_number,
        alias_of=own_account if by_number else "",
        link=link,
        reason=_reason(throw, person) if link == "none" else "",
    )


def _since(throw: Random, person: Person, habits: Habits) -> datetime:
    """Newcomers are those who first bought late in the year, and some second members of the last month."""
    first = habits.first_bought.get(person.household_id, habits.year_start)
    if person.role != "shopper":
        recent = throw.random() < 0.15
        return habits.until - timedelta(
            days=throw.randint(2, 28) if recent else throw.randint(60, 2500), minutes=throw.randrange(1440)
        )
    if first > habits.year_start + timedelta(days=45):
        return first - timedelta(minutes=throw.randint(5, 600))
    since = habits.year_start - timedelta(days=throw.randint(30, 2500), minutes=throw.randrange(1440))
    of_age = datetime.combine(person.birth_date, time(), UTC) + timedelta(days=18 * 366)
    return min(max(since, of_age), habits.year_start)


def _reason(throw: Random, person: Person) -> str:
    """Why nothing exact ties the two records; names follow what the person's life offers."""
    if person.former_family and throw.random() < 0.8:
        return "married_and_new_contacts"
    if person.former_email and throw.random() < 0.8:
        return "changed_email_and_phone"
    return throw.choice(("typo_in_every_identifier", "no_contact_given"))


def shopper_plans(plans: Iterable[Plan]) -> dict[int, Plan]:
    """Household id -> the plan of the one who answers for its baskets."""
    return {one.person.household_id: one for one in plans if one.person.role == "shopper"}
