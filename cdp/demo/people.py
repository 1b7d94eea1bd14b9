"""The people behind the households: invented, seeded, and with lives (they move, marry, change their mailbox)."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from faker import Faker

from cdp.demo.mess import chosen, dice, plain

AGES = {"19-24": (19, 24), "25-34": (25, 34), "35-44": (35, 44), "45-54": (45, 54), "55-64": (55, 64), "65+": (65, 88)}
LOCALES = (("en_US", 0.86), ("es_MX", 0.05), ("de_DE", 0.03), ("pl_PL", 0.02), ("fr_FR", 0.02), ("cs_CZ", 0.02))
SHOP_PHONE = "+15135550100"  # what a clerk types when the customer gives none: nobody's own number
BERLIN_FICTION = "+493023125"  # (0)30 23125 000 to 999: Germany's numbers for films
AREAS = [
    201, 202, 203, 205, 206, 207, 208, 209, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234,
    239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308,
    309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330, 334, 336, 337, 339, 352, 360, 361,
    401, 402, 404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 425, 432, 434, 435, 440, 443,
    501, 502, 503, 504, 505, 507, 508, 509, 510, 512, 513,
]  # fmt: skip
CANADA = {"ON": ("M5V 2T6", "K1P 5M7", "L8P 4X3"), "BC": ("V6B 1A1", "V8W 1P6"), "QC": ("H2Y 1C6", "G1R 4P5")}
SECOND_PERSONS = (("couple", 0.56), ("junior", 0.18), ("twin", 0.12), ("sibling", 0.14))


@dataclass(frozen=True)
class Address:
    """Where mail goes; `country` is ISO 3166 alpha-2."""

    street: str
    city: str
    postcode: str
    state: str
    country: str


@dataclass(frozen=True)
class Person:
    """One person, as true as it gets in the demo. `former_*` is what older records still say ("" or None: never
    changed).

    role: shopper (answers for the household's baskets), couple, twin, junior (father and son of one name), sibling.
    `email` and `phone` (E.164) of a second person may be the shopper's own: a family mailbox, a landline.
    """

    person_id: str
    household_id: int
    role: str
    sex: str
    given: str
    family: str
    suffix: str
    birth_date: date
    email: str
    phone: str
    address: Address
    former_family: str = ""
    former_email: str = ""
    former_phone: str = ""
    former_address: Address | None = None


def cast(households: Sequence[int], *, seed: int, on: date, age_bands: Mapping[int, str] | None = None) -> list[Person]:
    """A shopper for each household, and a second member in about one of five; ages as of `on`, within the known age
    bands."""
    troupe = _Troupe(seed, on)
    people: list[Person] = []
    for household in households:
        shopper = troupe.shopper(household, (age_bands or {}).get(household))
        people.append(shopper)
        if troupe.dice.random() < 0.22:
            people.append(troupe.second(shopper))
    return people


class _Troupe:
    """Hands out names, and mailboxes and numbers that no two people get by chance."""

    def __init__(self, seed: int, on: date) -> None:
        self.dice: Random = dice("people", seed)
        self.on = on
        self.fakers: dict[str, Faker] = {}
        for locale, _ in LOCALES:
            self.fakers[locale] = Faker(locale)
            self.fakers[locale].seed_instance(self.dice.randrange(2**31))
        numbers = [f"+1{area}555{line:04d}" for area in AREAS for line in range(100, 200)]
        numbers.remove(SHOP_PHONE)
        self.dice.shuffle(numbers)
        self.numbers = iter(numbers)
        self.foreign = iter(self.dice.sample(range(1000), 1000))
        self.mailboxes: set[str] = set()

    def shopper(self, household: int, age_band: str | None) -> Person:
        throw = self.dice.random
        locale = chosen(self.dice, LOCALES)
        sex = self.dice.choice("mf")
        given, family = self._given(locale, sex), self._family(locale, sex)
        address = self._address()
        person = Person(
            person_id=f"p{household}",
            household_id=household,
            role="shopper",
            sex=sex,
            given=given,
            family=family,
            suffix="",
            birth_date=self._born(*AGES[age_band or self.dice.choice(list(AGES))]),
            email=self._mailbox(given, family),
            phone=self._phone(locale),
            address=address,
        )
        if throw() < 0.14:
            person = replace(person, former_address=self._address(near=address if throw() < 0.5 else None))
        if sex == "f" and throw() < 0.14:
            person = replace(person, former_family=self._family(locale, sex))
        if throw() < 0.30:
            person = replace(person, former_email=self._mailbox(given, person.former_family or family))
        if throw() < 0.22:
            person = replace(person, former_phone=self._phone("en_US"))
        return person

    def second(self, shopper: Person) -> Person:
        """Another member of the shopper's household: never the same person, often the same contacts."""
        role = chosen(self.dice, SECOND_PERSONS)
        same_sex = role == "junior" or (role == "twin" and self.dice.random() < 0.6)
        sex = shopper.sex if same_sex else ("f" if shopper.sex == "m" else "m")
        family = shopper.family if role != "couple" or self.dice.random() < 0.75 else self._family("en_US", sex)
        given = shopper.given if role == "junior" else self._given_like(shopper.given, sex, alike=role == "twin")
        own_mailbox, own_phone = self.dice.random() > 0.16, self.dice.random() > 0.42
        return Person(
            person_id=f"{shopper.person_id}b",
            household_id=shopper.household_id,
            role=role,
            sex=sex,
            given=given,
            family=family,
            suffix="" if role != "junior" else "Jr" if self._has_grown_children(shopper) else "Sr",
            birth_date=self._born_beside(shopper, role),
            email=self._mailbox(given, family) if own_mailbox else shopper.email,
            phone=self._phone("en_US") if own_phone else shopper.phone,
            address=shopper.address,
        )

    def _given(self, locale: str, sex: str) -> str:
        faker = self.fakers[locale]
        return str(faker.first_name_male() if sex == "m" else faker.first_name_female())

    def _given_like(self, other: str, sex: str, *, alike: bool) -> str:
        """A given name that is not the other's; for twins, if one turns up, with the same initial."""
        names = [self._given("en_US", sex) for _ in range(12 if alike else 3)]
        names = [name for name in names if name != other] or [other + "a"]
        return next((name for name in names if alike and name[0] == other[0]), names[0])

    def _family(self, locale: str, sex: str) -> str:
        faker = self.fakers[locale]
        return str(faker.last_name_male() if sex == "m" else faker.last_name_female())

    def _born(self, youngest: int, oldest: int) -> date:
        days = self.dice.randint(youngest * 365 + youngest // 4 + 1, oldest * 365 + oldest // 4 + 360)
        return self.on - timedelta(days=days)

    def _born_beside(self, shopper: Person, role: str) -> date:
        days = {
            "couple": self.dice.randint(-2200, 2200),
            "twin": 0,
            "junior": self.dice.randint(8000, 11500) * (1 if self._has_grown_children(shopper) else -1),
            "sibling": self.dice.choice((-1, 1)) * self.dice.randint(400, 2600),
        }[role]
        # A shop's customer is of age, whatever the arithmetic says.
        return min(shopper.birth_date + timedelta(days=days), self.on - timedelta(days=18 * 366))

    def _has_grown_children(self, shopper: Person) -> bool:
        return (self.on - shopper.birth_date).days > 51 * 365

    def _mailbox(self, given: str, family: str) -> str:
        """Reserved domains, or gmail.com with an underscore, which Google gives to nobody: no real person's mailbox."""
        keep = string.ascii_lowercase
        first, last = ("".join(c for c in plain(name).lower() if c in keep) or "x" for name in (given, family))
        while True:
            domain = chosen(
                self.dice,
                (("gmail.com", 0.3), ("freemail.example", 0.4), ("inbox.example", 0.2), ("post.example.org", 0.1)),
            )
            joined = "_" if domain == "gmail.com" else self.dice.choice((".", "", "-"))
            number = self.dice.choice(("", self.dice.randint(1, 99), self.dice.randint(1940, 2004)))
            mailbox = f"{first}{joined}{last}{number}@{domain}"
            if mailbox not in self.mailboxes:
                self.mailboxes.add(mailbox)
                return mailbox

    def _phone(self, locale: str) -> str:
        if locale == "de_DE" and self.dice.random() < 0.4:
            return f"{BERLIN_FICTION}{next(self.foreign):03d}"
        return next(self.numbers)

    def _address(self, near: Address | None = None) -> Address:
        """A new address, in the same town when `near` is given."""
        faker = self.fakers["en_US"]
        street = str(faker.street_address())
        if near is not None:
            return replace(near, street=street)
        if self.dice.random() < 0.06:
            state = self.dice.choice(list(CANADA))
            return Address(street, str(faker.city()), self.dice.choice(CANADA[state]), state, "CA")
        state = str(faker.state_abbr(include_territories=False, include_freely_associated_states=False))
        return Address(street, str(faker.city()), str(faker.zipcode_in_state(state)), state, "US")
