"""The CRM export: one row a customer number, typed by many hands over many years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

from cdp.demo import agreed, mess
from cdp.demo.people import SHOP_PHONE, Person
from cdp.demo.plans import Plan
from cdp.demo.truth import SECOND, Entry

PURPOSES = ("marketing_email", "marketing_sms")
COLUMNS = [
    "customer_number", "title", "first_name", "last_name", "email", "phone", "street", "city", "postcode", "state",
    "country",
    "birth_date", "created_at", *agreed.columns(PURPOSES),
]  # fmt: skip
JUNK_EMAILS = (
    "test@example.com",
    "test@example.com",
    "anonymous",
    "anonymous@example.com",
    "none",
    "n/a",
    "noemail@example.com",
)
JUNK_PHONES = ("000-000-0000", "000", "0", "1234567890", "999-999-9999")
TITLES = {"m": ("Mr", "Mr.", "", "Dr"), "f": ("Ms", "Mrs", "", "Dr")}

Row = dict[str, str]
Agreements = list[tuple[str, agreed.Agreement]]


def write(plans: Sequence[Plan], *, seed: int, until: datetime) -> tuple[list[Row], list[Entry], Agreements]:
    """The rows in order of creation, their truth, and what each customer number agreed to by `until`."""
    dice = mess.dice("crm", seed)
    rows: list[Row] = []
    entries: list[Entry] = []
    agreements: Agreements = []
    known = [plan for plan in plans if plan.customer_number]
    shop_phone = _typed_by_the_clerk(dice, known)
    for plan in sorted(known, key=lambda one: (one.since, one.person.person_id)):
        junk = "phone" if plan.customer_number in shop_phone else ""
        for one in (plan, *_again(dice, plan, until)):
            row, entry, agreement = _row(dice, one, junk=junk, until=until)
            rows.append(row)
            entries.append(entry)
            agreements += [(row["customer_number"], each) for each in agreement.values()]
    return rows, entries, agreements


def _typed_by_the_clerk(dice: Random, known: Sequence[Plan]) -> set[str]:
    """Whose rows carry the shop's own number: 40 customers, fewer in a small demo, and none who can only be found by
    phone."""
    free = [plan.customer_number for plan in known if plan.link != "phone"]
    return set(dice.sample(free, min(40, max(12, len(free) // 12), len(free))))


def _again(dice: Random, plan: Plan, until: datetime) -> list[Plan]:
    """A second customer number for one in twenty-five: the clerk did not find the first."""
    if dice.random() >= 0.04:
        return []
    later = plan.since + (until - plan.since) * dice.uniform(0.2, 0.9)
    return [replace(plan, customer_number=plan.second_number, since=later, reason=SECOND, link="again")]


def _row(dice: Random, plan: Plan, *, junk: str, until: datetime) -> tuple[Row, Entry, dict[str, agreed.Agreement]]:
    person = plan.person
    again = plan.link == "again"
    email, phone = _contacts(dice, plan)
    address = person.former_address if person.former_address and (dice.random() < 0.6) != again else person.address
    given, family = _names(dice, person, again=again)
    said = agreed.agree(dice, "crm", since=plan.since, until=until)
    identifiers = {("customer_number", plan.customer_number)}
    identifiers |= {("email", email)} if email else set()
    identifiers |= {("phone", phone)} if phone and not junk else set()
    row = {
        "customer_number": plan.customer_number,
        "title": dice.choice(TITLES[person.sex]),
        "first_name": given,
        "last_name": family,
        "email": _email(dice, email),
        "phone": _phone(dice, phone, junk=junk),
        "street": address.street.upper() if dice.random() < 0.08 else address.street,
        "city": mess.typo(dice, address.city) if dice.random() < 0.03 else address.city,
        "postcode": address.postcode,
        "state": address.state,
        "country": address.country,
        "birth_date": _birth_date(dice, person.birth_date),
        "created_at": mess.date_written(dice, plan.since),
        **written(dice, PURPOSES, said),
    }
    reason = plan.reason if again else ""
    return (
        row,
        Entry("crm", plan.customer_number, person.person_id, person.household_id, reason, frozenset(identifiers)),
        said,
    )


def _contacts(dice: Random, plan: Plan) -> tuple[str, str]:
    """Mailbox and number as the CRM has them. A second row mostly came from a change of both."""
    person, throw = plan.person, dice.random
    if plan.link == "again":
        same = throw()
        if same < 0.3:
            return person.email, ""
        if same < 0.55:
            return "", person.phone
        return (person.former_email if throw() < 0.5 else ""), (person.former_phone if throw() < 0.5 else "")
    email = person.email if plan.link in ("email", "none") or throw() < 0.93 else ""
    phone = (
        person.phone
        if plan.link in ("phone", "none") or throw() < 0.78
        else person.former_phone
        if throw() < 0.4
        else ""
    )
    return email, phone


def _names(dice: Random, person: Person, *, again: bool) -> tuple[str, str]:
    given, family = person.given, person.family
    if dice.random() < (0.35 if again else 0.10):
        given = mess.nickname(dice, given)
    if dice.random() < (0.30 if again else 0.05):
        family = mess.typo(dice, family)
    if dice.random() < 0.03:
        given = mess.typo(dice, given)
    if person.suffix and dice.random() < 0.6:
        family = f"{family} {person.suffix}"
    case = dice.random()
    if case < 0.05:
        return given.upper(), family.upper()
    return (mess.plain(given), mess.plain(family)) if case < 0.15 else (given, family)


def _email(dice: Random, email: str) -> str:
    if not email:
        return dice.choice(JUNK_EMAILS) if dice.random() < 0.25 else ""
    return mess.email_written(dice, email) if dice.random() < 0.2 else email


def _phone(dice: Random, phone: str, *, junk: str) -> str:
    if junk:
        return mess.phone_written(dice, SHOP_PHONE)
    if not phone:
        return dice.choice(JUNK_PHONES) if dice.random() < 0.3 else ""
    return mess.phone_written(dice, phone)


def _birth_date(dice: Random, born: date) -> str:
    """Now and then missing, a placeholder, a digit off, or day and month swapped."""
    kind = dice.random()
    if kind < 0.05:
        return ""
    if kind < 0.07:
        return "1900-01-01"
    if kind < 0.09 and born.day <= 12:
        return date(born.year, born.day, born.month).isoformat()
    if kind < 0.11:
        return (born + timedelta(days=dice.choice((-1, 1, 10, -10)))).isoformat()
    return mess.date_written(dice, born)


def written(dice: Random, purposes: Sequence[str], said: dict[str, agreed.Agreement]) -> Row:
    """The consent columns of a row: blanks for what was never asked."""
    row = dict.fromkeys(agreed.columns(purposes), "")
    for purpose, one in said.items():
        row[purpose] = dice.choice(("yes", "yes", "1", "Y") if one.status == "granted" else ("no", "no", "0", "N"))
        row[f"{purpose}_at"] = stamp(one.at)
        row[f"{purpose}_until"] = stamp(one.expires_at)
        row[f"{purpose}_withdrawn_at"] = stamp(one.withdrawn_at)
    return row


def stamp(moment: datetime | None) -> str:
    """ISO 8601 in UTC to the second, blank for None."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
