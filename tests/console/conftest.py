"""Two people in the database: Alice, known to a shop and a till, and Bob, known to the shop alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from cdp.access.keys import create_key
from cdp.access.roles import ensure_roles
from cdp.audit import SYSTEM
from cdp.audit.models import Pending
from cdp.catalogue import snapshot
from cdp.console import figures
from cdp.events.store import StoredEvent, settle, store
from cdp.ids import uuid7
from cdp.sources.create import create
from cdp.sources.models import Source
from consent.purposes import ensure_purpose
from consent.record import Statement, record
from identity.observe import observe
from identity.prepare import Observation
from tests.identity.cases import digests_of_record
from tests.people import ALICE, BOB, Person

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _fresh_figures() -> None:
    figures.forget()


@dataclass(frozen=True)
class World:
    """Who and what is there."""

    shop: Source
    till: Source
    alice: UUID
    bob: UUID
    alice_digests: tuple[UUID, ...]


def observation(source: Source, person: Person, key: str, *, at: datetime, **traits: Any) -> Observation:
    """What a source says of a person, split as the pipeline does it."""
    said = {"firstName": person.first, "lastName": person.last, "email": person.email, **traits}
    split = snapshot.current().split("trait", said)
    return Observation(
        source_id=source.id,
        namespace=source.namespace,
        region="US",
        key_kind="user_id",
        key=key,
        identifiers=[("email", person.email), ("phone", person.phone)],
        facts=split.facts,
        sealed=split.sealed,
        occurred_at=at,
    )


def bought(record_id: UUID, source: Source, number: int, *, at: datetime) -> StoredEvent:
    """An order: revenue is a fact, the note is not declared."""
    properties = {"revenue": 10.0 + number, "currency": "EUR", "secretNote": f"ring twice {number}"}
    split = snapshot.current().split("property", properties)
    name = snapshot.current().event_name("Order Completed")
    return StoredEvent(
        uuid7(), record_id, source.id, 2, name, uuid4(), at, at, split.facts, {"properties": split.sealed, "event": "x"}
    )


@pytest.fixture
def world(db: None) -> World:
    """The two people, six orders of Alice, one purpose more than `operate`."""
    return populate()


def populate() -> World:
    """Makes the world."""
    shop, _ = create("shop", by=SYSTEM)
    till, _ = create("till", by=SYSTEM, kind="file", namespace="till")
    before = NOW - timedelta(days=2)
    first, second, third = observe(
        [
            observation(
                shop, ALICE, ALICE.user_id, at=before, country="NL", logins=7, birthday=ALICE.birthday, petName="Rex"
            ),
            observation(till, ALICE, "T-1", at=before + timedelta(hours=1), country="NL"),
            observation(shop, BOB, BOB.user_id, at=before, country="DE"),
        ],
        at=NOW,
    )
    store([bought(first.record_id, shop, n, at=NOW - timedelta(hours=n + 1)) for n in range(6)])
    settle({(shop.id, "accepted"): 9, (shop.id, "stored"): 8, (shop.id, "duplicates"): 1}, slot=0)
    ensure_purpose("news", basis="consent", by=SYSTEM)
    assert first.profile_id == second.profile_id
    return World(shop, till, first.profile_id, third.profile_id, digests_of_record(first.record_id))


@pytest.fixture
def say(world: World) -> Callable[..., None]:
    """Alice says something about a purpose."""

    def _say(purpose: str, status: str) -> None:
        statement = Statement(world.alice_digests, purpose, status, NOW - timedelta(minutes=1), uuid4())
        record([statement], actor="test", at=NOW)

    return _say


def client_with(*scopes: str, **more: Any) -> Client:
    """A client with a key."""
    _, token = create_key("test", scopes, SYSTEM, **more)
    return Client(headers={"authorization": f"Bearer {token}"})


def signed_in(role: str) -> Client:
    """A client with the session of somebody of that role."""
    ensure_roles()
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def get(client: Client, path: str, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an address below /api/v1/."""
    answer = client.get(f"/api/v1/{path}", headers=headers)
    return answer.status_code, answer.json() if answer.content else None


def post(client: Client, path: str, body: object) -> tuple[int, Any]:
    """The same, for POST."""
    answer = client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json()


def entries(action: str) -> list[dict[str, Any]]:
    """The audit entries of an action, as they wait for the sequencer."""
    return [row.entry for row in Pending.objects.filter(entry__action=action).order_by("id")]


def secrets_of(person: Person) -> tuple[str, ...]:
    """What must not be seen of a person in clear."""
    return (person.last, person.email, person.phone, person.phone.replace("-", "").replace(" ", ""), person.user_id)
