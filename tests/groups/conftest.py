"""Alice and Bob of the console's world, in a company and a household."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from cdp.audit import SYSTEM
from cdp.catalogue import snapshot
from cdp.catalogue.declare import declare_named
from cdp.groups.models import Group
from cdp.groups.rows import digests
from consent.record import Statement, record
from identity.models import Record
from tests.console.conftest import NOW, World, populate
from tests.groups.cases import say, see
from tests.people import ALICE

COMPANY, CITY = "Archer & Daughters", "Utrecht"


@dataclass(frozen=True)
class Groups:
    """`acme` is a company with both people in it; `home` a household of Alice alone, named by her e-mail address."""

    world: World
    acme: UUID
    home: UUID


@pytest.fixture
def groups(db: None) -> Groups:
    return populate_groups()


def populate_groups() -> Groups:
    """Makes them. The plan is declared a fact, the slogan is not declared."""
    world = populate()
    declare_named("group", "plan", "text", "fact", by=SYSTEM)
    snapshot.forget()
    records = {
        (row.profile_id, row.source_id): row.id
        for row in Record.objects.filter(profile_id__in=[world.alice, world.bob])
    }
    alice, bob = records[world.alice, world.shop.id], records[world.bob, world.shop.id]
    see(
        say(
            alice, world.shop.id, "acme",
            name=COMPANY, employees=300, plan="enterprise", slogan="We sell", address={"city": CITY, "country": "NL"},
        ),
        say(bob, world.shop.id, "acme", minute=9, employees=310),
        say(records[world.alice, world.till.id], world.till.id, ALICE.email, space="till", name=ALICE.last),
    )  # fmt: skip
    ids = [Group.objects.get(digest=digest).id for digest in digests([("main", "acme"), ("till", ALICE.email)])]
    return Groups(world, *ids)


@pytest.fixture
def say_of(groups: Groups) -> Callable[[str, str], None]:
    """Alice says something about a purpose."""

    def _say(purpose: str, status: str) -> None:
        at = NOW - timedelta(minutes=1)
        record([Statement(groups.world.alice_digests, purpose, status, at, uuid4())], actor="test", at=NOW)

    return _say
