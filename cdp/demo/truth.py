"""Who each record is, and what it takes to find out: the yardstick for B-cubed and pairwise F1."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

NOBODY = "nobody"  # A record that many people share by mistake (the user id "anonymous"): right only if it stays alone.
# What no matcher can find, for there is nothing of the person in it: score with and without these.
UNLINKABLE = frozenset({"no_identifier", "never_signed_in"})
SECOND = "second_customer_number"
# Records that deterministic links do not join to the rest of their person.
PROBABILISTIC = frozenset(
    {
        "changed_email_and_phone", "changed_email", "typo_in_every_identifier", "no_contact_given",
        "married_and_new_contacts",
        SECOND, "no_shared_identifier",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One record of one system. identifiers: (kind, normalised value) that truly are the person's, junk left out;
    reason: why it may share none of them with the person's other records."""

    system: str
    key: str
    person_id: str
    household_id: int
    reason: str = ""
    identifiers: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def tags(entries: Sequence[Entry]) -> list[str]:
    """One tag for each entry, worked out from the identifiers actually written, not from what was meant to happen:

    exact                it shares a number, mailbox, account or device with another record of its person
    shared_phone_only    nothing but the telephone ties it
    only_record          its person has no other record
    no_identifier        nothing of the person is in it: a receipt paid in cash (UNLINKABLE)
    never_signed_in      a device that browsed and never said whose it was (UNLINKABLE)
    junk_identifier      many people's (NOBODY)
    one of PROBABILISTIC no exact value reaches it from the main part of its person's records; names, dates, places do
    """
    found: list[str] = [""] * len(entries)
    people: dict[str, list[int]] = defaultdict(list)
    for at, entry in enumerate(entries):
        people[entry.person_id].append(at)
    for person, places in people.items():
        for at, tag in zip(places, _tags_of_one(person, [entries[at] for at in places]), strict=True):
            found[at] = tag
    return found


def _tags_of_one(person: str, records: list[Entry]) -> list[str]:
    if person == NOBODY:
        return ["junk_identifier"] * len(records)
    part = _parts(records)
    crowd = Counter(part)
    blank = {at: "no_identifier" for at, one in enumerate(records) if not one.identifiers}
    blank |= {
        at: "never_signed_in"
        for at, one in enumerate(records)
        if one.reason == "never_signed_in" and crowd[part[at]] == 1
    }
    named = [at for at in range(len(records)) if at not in blank]
    if not named:
        return list(blank.values())
    sizes = Counter(part[at] for at in named)
    # The part with the CRM record leads a draw: that is the record which the others are looked up in.
    leads = {part[at] for at in named if records[at].system == "crm" and records[at].reason != SECOND}
    main = max(sizes, key=lambda one: (sizes[one], one in leads, -one))
    reasons = {part[at]: records[at].reason for at in named if records[at].reason and part[at] != main}
    reason_of_main = next((records[at].reason for at in named if part[at] == main and records[at].reason), "")
    return [
        blank[at]
        if at in blank
        else _tie(one, [records[other] for other in named])
        if part[at] == main
        else reasons.get(part[at]) or reason_of_main or "no_shared_identifier"
        for at, one in enumerate(records)
    ]


def _tie(one: Entry, records: Sequence[Entry]) -> str:
    shared = {kind for other in records if other is not one for kind, _ in one.identifiers & other.identifiers}
    if not shared:
        return "only_record" if len(records) == 1 else "exact"
    return "shared_phone_only" if shared == {"phone"} else "exact"


def _parts(records: Sequence[Entry]) -> list[int]:
    """Connected components over equal identifiers; the number of each record's component."""
    part = list(range(len(records)))
    first: dict[tuple[str, str], int] = {}
    for at, one in enumerate(records):
        for identifier in sorted(one.identifiers):
            if identifier in first and part[first[identifier]] != part[at]:
                old, new = part[at], part[first[identifier]]
                part = [new if each == old else each for each in part]
            first.setdefault(identifier, at)
    return part
