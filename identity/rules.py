"""When an identifier that two records share makes them one person, and when nothing may. Pure.

Every answer is a function of the set of holders of a value, never of who came first to the database.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import combinations
from uuid import UUID

from identity.names import NOBODY, Person, Sameness, compare

USER_ID, ANONYMOUS_ID, ROW, EMAIL, PHONE, CUSTOMER_NUMBER, LOYALTY_CARD, DEVICE_ID = range(1, 9)  # catalogue's codes
LABELS = {
    USER_ID: "user_id", ANONYMOUS_ID: "anonymous_id", ROW: "row", EMAIL: "email", PHONE: "phone",
    CUSTOMER_NUMBER: "customer_number", LOYALTY_CARD: "loyalty_card", DEVICE_ID: "device_id",
}  # fmt: skip
# Bits: log2 of how much likelier two records of one person share such a value than two of strangers. They set the
# priority user id > customer number > loyalty card > e-mail > phone > device.
WEIGHTS = {
    USER_ID: 40.0, CUSTOMER_NUMBER: 36.0, LOYALTY_CARD: 30.0, EMAIL: 24.0, PHONE: 16.0, ANONYMOUS_ID: 12.0, DEVICE_ID: 12.0,
    ROW: 40.0,
}  # fmt: skip
NAME_BITS, BIRTH_BITS = 4.0, 2.0
DEVICES = {ANONYMOUS_ID, DEVICE_ID}
# A value that more customers of one source than this hold is nobody's own: a switchboard, the shop's number, a terminal.
LIMIT = {
    USER_ID: 12, CUSTOMER_NUMBER: 8, LOYALTY_CARD: 8, EMAIL: 6, PHONE: 6, ANONYMOUS_ID: 4, DEVICE_ID: 4, ROW: 1,
}  # fmt: skip
ROWS_PER_KEY = 3  # rows of a file without ids are not customers yet: three count as one
MOST_HOLDERS = 100
FEW = 3  # a phone number alone, without names, speaks for as many holders as this
# Keys by which a source itself tells its customers apart.
STRONG = {USER_ID, CUSTOMER_NUMBER, LOYALTY_CARD}

_GENERIC = {
    "test", "tests", "tester", "testing", "testuser", "noreply", "donotreply", "none", "null", "undefined", "anonymous",
    "anon", "nobody", "noemail", "nomail", "na", "no", "unknown", "guest", "example", "sample", "dummy", "fake", "invalid",
    "email", "mail", "user", "username", "asdf", "qwerty", "abc", "xxx", "a", "x",
}  # fmt: skip
_GENERIC_DOMAINS = {
    "noemail.com",
    "nomail.com",
    "none.com",
    "no.com",
    "test.com",
    "test.test",
    "mailinator.com",
    "domain.com",
}
_NO_ID = {
    "undefined", "none", "null", "nil", "nan", "na", "n/a", "anonymous", "anon", "guest", "unknown", "nobody", "user",
    "customer", "test", "tester", "testuser", "example", "default", "admin", "root", "true", "false", "invalid", "empty",
    "todo", "xxx", "-", "--", "?", "[object object]", "object object", "(null)", "(none)", "<null>", "visitor", "dummy",
}  # fmt: skip
_UP, _DOWN = "01234567890123456789", "98765432109876543210"


@dataclass(frozen=True, slots=True)
class Holder:
    """A record that holds a value. `order` (source, key digest) is the same however the records arrived; `since` is when
    the value was first seen on it."""

    id: UUID
    source_id: UUID
    key_kind: int
    order: tuple[UUID, UUID]
    person: Person = NOBODY
    since: datetime | None = None

    @property
    def strong(self) -> bool:
        """Its source tells it apart by an id of its own."""
        return self.key_kind in STRONG


@lru_cache(maxsize=65_536)
def is_junk(kind: int, value: str) -> bool:
    """Whether a normalised value is one that people or programs fill in for nothing."""
    if kind == EMAIL:
        return _junk_email(value)
    bare = value.rpartition("\0")[2].strip().lower()
    digits = re.sub(r"\D", "", bare)
    if kind == PHONE:
        # The last seven digits are the subscriber's, whatever the country.
        return len(digits) < 7 or _monotonous(digits[-7:]) or _monotonous(digits.removeprefix("1"))
    if bare in _NO_ID or not bare.strip("0-{} "):
        return True
    if not any(c.isalnum() for c in bare):
        return True
    return len(bare) > 3 and digits == bare and _monotonous(digits)


def _junk_email(value: str) -> bool:
    local, _, domain = value.partition("@")
    bare = re.sub(r"[\W_\d]+", "", local)
    return bare in _GENERIC or domain in _GENERIC_DOMAINS or _monotonous(local) or not re.search(r"[^\W_]", local)


def _monotonous(text: str) -> bool:
    """0000000, 1234567, 7654321; not a single digit or two."""
    return len(text) > 2 and (len(set(text)) == 1 or (len(text) > 4 and (text in _UP or text in _DOWN)))


def is_shared(kind: int, holders: Sequence[Holder]) -> bool:
    """Whether a value is held by more customers than can be one person."""
    if len(holders) > MOST_HOLDERS:
        return True
    keys = Counter(holder.source_id for holder in holders if holder.strong)
    rows = Counter(holder.source_id for holder in holders if holder.key_kind == ROW)
    return any(n > LIMIT[kind] for n in keys.values()) or any(n > LIMIT[kind] * ROWS_PER_KEY for n in rows.values())


def told_apart(left: Holder, right: Holder) -> bool:
    """The source itself keeps them as two customers."""
    return (
        left.source_id == right.source_id
        and left.strong
        and left.key_kind == right.key_kind
        and left.order[1] != right.order[1]
    )


def links(kind: int, holders: Sequence[Holder]) -> list[tuple[Holder, Holder, float]]:
    """The pairs that one shared value joins, with bits. The value must be neither junk nor shared too widely."""
    if kind in DEVICES:
        return _device_links(kind, holders)
    found = []
    for left, right in combinations(sorted(holders, key=lambda holder: holder.order), 2):
        said = compare(left.person, right.person)
        if _joins(kind, left, right, said, len(holders)):
            found.append((left, right, bits(kind, said)))
    return found


def bits(kind: int, said: Sameness) -> float:
    """The weight of a link."""
    return WEIGHTS[kind] + (NAME_BITS if said.agree else 0.0) + (BIRTH_BITS if said.born == "equal" else 0.0)


def _joins(kind: int, left: Holder, right: Holder, said: Sameness, holders: int) -> bool:
    if kind in (USER_ID, ROW):
        return True
    if kind == CUSTOMER_NUMBER:
        return not (said.given is False and said.born == "different")
    if said.conflict:
        return False
    if kind == LOYALTY_CARD:
        return True
    if told_apart(left, right):
        return said.agree
    if kind == EMAIL:
        return True
    # A phone number goes to strangers after a while, and families share one.
    if said.given is None:
        return holders <= FEW and said.family is not False
    return said.family is not False or said.born in ("equal", "near")


def _device_links(kind: int, holders: Sequence[Holder]) -> list[tuple[Holder, Holder, float]]:
    """A device joins its anonymous visits, and these to one person: the first of its users whom nothing contradicts.

    Two people who signed in on one device are joined only if the rest says that they are one."""
    people = sorted((h for h in holders if h.strong), key=lambda h: (h.since is None, h.since, h.order))
    visits = sorted((h for h in holders if not h.strong), key=lambda h: h.order)
    found = []
    for left, right in combinations(visits, 2):
        said = compare(left.person, right.person)
        if not said.conflict:
            found.append((left, right, bits(kind, said)))
    for visit in visits:
        for owner in people:
            said = compare(visit.person, owner.person)
            if not said.conflict:
                found.append((visit, owner, bits(kind, said)))
                break
    crowded = max(Counter(h.source_id for h in people).values(), default=0) > 1
    for left, right in combinations(people, 2):
        said = compare(left.person, right.person)
        if left.source_id == right.source_id:
            joined = said.agree and said.born in ("equal", "near")
        else:
            joined = said.agree if crowded else not said.conflict
        if joined:
            found.append((left, right, bits(kind, said)))
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What speaks against, or for, two records in one cluster. `veto`: they are two people. `doubt`: their source keeps
    them apart, and only agreeing names elsewhere between the two clusters can outweigh that. `agree`: the same name."""

    veto: bool = False
    doubt: bool = False
    agree: bool = False


_CLEAR, _VETO, _DOUBT, _AGREE = Verdict(), Verdict(veto=True), Verdict(doubt=True), Verdict(agree=True)


def judge(left: Holder, right: Holder, shared: frozenset[int]) -> Verdict:
    """Judges any two records, linked or not. `shared`: the kinds of value that link them directly."""
    if USER_ID in shared or ROW in shared:
        return _AGREE  # the source's own word
    apart = told_apart(left, right)
    if not apart and (left.person is NOBODY or right.person is NOBODY):
        return _CLEAR
    said = compare(left.person, right.person)
    if CUSTOMER_NUMBER in shared:
        return _VETO if said.given is False and said.born == "different" else _AGREE
    if said.conflict:
        return _VETO
    if said.agree:
        return _AGREE
    if not apart or LOYALTY_CARD in shared:
        return _CLEAR
    return _VETO if said.given is True and said.family is False else _DOUBT


def judge_with(
    shared: dict[tuple[UUID, UUID], set[int]], holders: dict[UUID, Holder]
) -> Callable[[UUID, UUID], Verdict]:
    """`judge` over record ids, remembered by pair."""
    known: dict[tuple[UUID, UUID], Verdict] = {}
    nothing: set[int] = set()

    def verdict(left: UUID, right: UUID) -> Verdict:
        pair = (left, right) if left < right else (right, left)
        found = known.get(pair)
        if found is None:
            found = known[pair] = judge(holders[left], holders[right], frozenset(shared.get(pair, nothing)))
        return found

    return verdict
