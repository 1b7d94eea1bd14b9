"""The loyalty programme: one line a card, with what the household told on the application form (the grocer's real
demographics)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any

import pandas as pd

from cdp.demo import agreed, mess
from cdp.demo.crm import Agreements, stamp, written
from cdp.demo.grocer import Grocer, rows
from cdp.demo.people import Person
from cdp.demo.plans import Plan
from cdp.demo.truth import Entry

PURPOSES = ("personalisation", "profiling", "analytics")
FACTS = (
    "age_band",
    "income_band",
    "household_size",
    "household_composition",
    "kids_count",
    "home_ownership",
    "marital_status",
)
TIERS = ((0.9, "gold"), (0.6, "silver"), (0.0, "basic"))  # by the household's rank in a year's revenue

Row = dict[str, Any]


def write(
    plans: Sequence[Plan], grocer: Grocer, *, seed: int, until: datetime
) -> tuple[list[Row], list[Entry], Agreements]:
    """The cards in order of enrolment, their truth, and what each card's holder agreed to by `until`. A lost card
    keeps its line."""
    dice = mess.dice("loyalty", seed)
    facts, tiers = _facts(grocer.demographics), _tiers(grocer.baskets)
    mailings = grocer.campaigns.groupby("household_id").size().to_dict()
    rows: list[Row] = []
    entries: list[Entry] = []
    agreements: Agreements = []
    for plan in sorted((one for one in plans if one.card), key=lambda one: (one.since, one.person.person_id)):
        said = agreed.agree(dice, "loyalty", since=plan.since, until=until)
        household = plan.person.household_id
        email, phone = _contacts(dice, plan)
        for card in filter(None, (plan.old_card, plan.card)):
            replaced = plan.replaced_at is not None and card == plan.card
            row = _row(dice, plan, card, email, phone)
            row["enrolled_at"] = stamp(plan.replaced_at if replaced else plan.since)
            row["tier"] = tiers.get(household, "basic") if plan.person.role == "shopper" else "basic"
            row["campaigns_received"] = int(mailings.get(household, 0)) if plan.person.role == "shopper" else 0
            row |= facts.get(household, dict.fromkeys(FACTS))
            row |= {name: value or None for name, value in written(dice, PURPOSES, said).items()}
            rows.append(row)
            entries.append(_entry(plan, card, row["customer_number"], email, phone))
            agreements += [(card, one) for one in said.values()]
    return rows, entries, agreements


def mailings(plans: dict[int, Plan], grocer: Grocer) -> list[Row]:
    """Which campaign reached which member when (at its start): the grocer's own table, by card number."""
    frame = grocer.campaigns.merge(grocer.campaign_descriptions, on="campaign_id").sort_values(
        ["start_date", "household_id"]
    )
    return [
        {
            "mailing": f"mailing-{one['campaign_id']}-{one['household_id']}",
            "card_number": plans[one["household_id"]].card,
            "campaign_id": str(one["campaign_id"]),
            "campaign_type": one["campaign_type"],
            "sent_at": stamp(one["start_date"]),
            "ends_at": stamp(one["end_date"]),
        }
        for one in rows(frame)
        if plans[one["household_id"]].card
    ]


def _row(dice: Random, plan: Plan, card: str, email: str, phone: str) -> Row:
    person = plan.person
    given, family = _names(dice, plan)
    bare = plan.reason == "no_contact_given"
    return {
        "card_number": card,
        "customer_number": plan.customer_number if plan.link == "customer_number" else None,
        "first_name": given,
        "last_name": family,
        "email": (mess.email_written(dice, email) if dice.random() < 0.3 else email) or None,
        "phone": (mess.phone_written(dice, phone) if phone else "") or None,
        "street": person.address.street if bare or dice.random() < 0.7 else None,
        "city": person.address.city,
        "postcode": person.address.postcode,
        "country": person.address.country,
        "birth_date": person.birth_date.isoformat() if dice.random() < 0.92 else None,
    }


def _contacts(dice: Random, plan: Plan) -> tuple[str, str]:
    """Mailbox and number on the application form: what ties the card to the CRM, or just does not."""
    person, throw = plan.person, dice.random
    if plan.link == "email":
        return person.email, person.phone if throw() < 0.3 else ""
    if plan.link == "phone":
        return person.former_email if throw() < 0.3 else "", person.phone
    if plan.link == "none":
        return _astray(dice, person, plan.reason)
    return person.email if throw() < 0.65 else "", person.phone if throw() < 0.5 else ""


def _astray(dice: Random, person: Person, reason: str) -> tuple[str, str]:
    if reason == "no_contact_given":
        return "", ""
    if reason == "typo_in_every_identifier":
        local, _, domain = person.email.partition("@")
        # A slip that leaves the fictional range cannot become somebody else's number.
        return f"{mess.typo(dice, local)}@{domain}", f"{person.phone[:-3]}{dice.randint(2, 9)}{person.phone[-2:]}"
    return person.former_email, person.former_phone


def _names(dice: Random, plan: Plan) -> tuple[str, str]:
    person = plan.person
    given, family = person.given, person.family
    if plan.reason == "married_and_new_contacts" or (person.former_family and dice.random() < 0.5):
        family = person.former_family
    if dice.random() < 0.15:
        given = mess.nickname(dice, given)
    if dice.random() < (0.3 if plan.reason == "typo_in_every_identifier" else 0.04):
        family = mess.typo(dice, family)
    return (mess.plain(given), mess.plain(family)) if dice.random() < 0.3 else (given, family)


def _entry(plan: Plan, card: str, customer_number: str | None, email: str, phone: str) -> Entry:
    person = plan.person
    identifiers = {("loyalty_card", card)}
    identifiers |= {("customer_number", customer_number)} if customer_number else set()
    # A mistyped value is a value too, but nobody else's and so of no use.
    identifiers |= {("email", email)} if email else set()
    identifiers |= {("phone", phone)} if phone else set()
    return Entry("loyalty", card, person.person_id, person.household_id, plan.reason, frozenset(identifiers))


def _facts(demographics: pd.DataFrame) -> dict[int, dict[str, str | None]]:
    named = demographics.rename(
        columns={"age": "age_band", "income": "income_band", "household_comp": "household_composition"}
    )
    return {int(row["household_id"]): {name: row[name] for name in FACTS} for row in rows(named)}


def _tiers(baskets: pd.DataFrame) -> dict[int, str]:
    rank = baskets.groupby("household_id")["revenue"].sum().rank(pct=True)
    shares = zip(rank.index.to_list(), rank.to_list(), strict=True)
    return {int(household): next(tier for least, tier in TIERS if share > least) for household, share in shares}
