"""A town of invented people, each known to a shop and to a CRM that share no identifier: only likeness can join them."""

from collections.abc import Iterator
from random import Random

from identity.observe import Observation
from tests.identity.cases import CRM, SHOP, said

_GIVEN = (
    "alice bob carol david erin frank grace heidi ivan judy kevin laura mallory nina olivia peter quentin rupert sybil trent "
    "ursula victor walter xenia yvonne zachary martin helena boris clara"
)
_FAMILY = (
    "archer baker chandler draper eaton fletcher gardner harper innes joiner keller lorimer mason naylor osborne parker quill "
    "rider sawyer tanner usher vintner weaver yeoman zimmer barker cooper dyer falconer glover"
)
GIVEN, FAMILY = _GIVEN.split(), _FAMILY.split()
TOWNS = ("Alderton", "Brookfield", "Carrow", "Dunmore", "Eastleigh", "Fenwick")


def town(people: int, *, start: int = 0) -> Iterator[tuple[Observation, Observation]]:
    """Two records of each person; in one of five the second has a slip of the pen. Some people are known to one source alone:
    their second record is somebody else's."""
    for number in range(start, start + people):
        dice = Random(number)
        person = _person(dice)
        other = (
            _person(Random(-number - 1)) if number % 4 == 0 else _slipped(person, dice) if number % 5 == 0 else person
        )
        yield (
            said(f"u{number}", source=SHOP, at=number % 50, **person),
            said(f"c{number}", source=CRM, at=number % 50 + 1, **other),
        )


def _person(dice: Random) -> dict[str, str]:
    town = dice.randrange(len(TOWNS))
    return {
        "firstName": dice.choice(GIVEN).title(),
        "lastName": (dice.choice(FAMILY) + dice.choice(("", "", "son", "s", "man", "field"))).title(),
        "birthday": f"{dice.randint(1940, 2004)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}",
        "street": f"{dice.randint(1, 180)} {dice.choice(FAMILY).title()} Road",
        "city": TOWNS[town],
        "postalCode": f"{10 + town}{dice.randint(100, 160)}",
    }


def _slipped(person: dict[str, str], dice: Random) -> dict[str, str]:
    field = dice.choice(("firstName", "lastName", "birthday"))
    value = person[field]
    at = dice.randrange(1, len(value) - 1)
    slip = str((int(value[at]) + 1) % 10) if value[at].isdigit() else "" if field != "birthday" else value[at]
    return {**person, field: value[:at] + slip + value[at + 1 :]}
