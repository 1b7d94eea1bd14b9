"""What the trail tells a person about what was done with their data."""

import pytest

from cdp import audit
from cdp.audit.holder import Trail
from cdp.ids import uuid7
from cdp.vault import keys

pytestmark = pytest.mark.django_db


def test_finds_and_exports_until_the_key_is_gone() -> None:
    mine, other = uuid7(), uuid7()
    keys.create([mine, other])
    steward = audit.Actor("user", "7", role="steward")
    audit.record("profile.reveal", by=steward, subjects=[mine], fields=("email",), purpose="support", reason="parcel")
    audit.record("profile.read", by=steward, subjects=[other, mine])
    audit.record("profile.read", by=steward, subjects=[other])
    audit.sequence()
    assert Trail().find([mine]) == 2
    told = list(Trail().export([mine]))
    assert [(row["action"], row["fields"], row["purpose"]) for row in told] == [
        ("profile.reveal", ["email"], "support"),
        ("profile.read", [], ""),
    ]
    assert not any("7" in str(row.get("actor_id")) or "parcel" in str(row) for row in told)
    assert Trail().erase([mine]) == 0
    keys.destroy([mine])
    assert Trail().find([mine]) == 0
    assert Trail().find([other]) == 2
    assert list(Trail().export([mine])) == []
