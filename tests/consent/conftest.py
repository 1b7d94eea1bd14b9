"""The cast's digests, and moments."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cdp.vault import blind
from tests.people import ALICE, BOB, Person

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


def day(n: float) -> datetime:
    """n days after the beginning of all tests."""
    return T0 + timedelta(days=n)


def email(person: Person) -> UUID:
    return blind.index("email", person.email)


def phone(person: Person) -> UUID:
    return blind.index("phone", person.phone)


@pytest.fixture
def alice(db: None) -> UUID:
    return email(ALICE)


@pytest.fixture
def bob(db: None) -> UUID:
    return email(BOB)
