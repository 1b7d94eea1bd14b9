"""A declared mapping turns rows into wire events: pure, so tested without a database."""

import json
from datetime import UTC, datetime

import pytest

from cdp.connectors.mapping import MappingError, RowProblem, event, load
from tests.people import ALICE

CRM = {
    "format": "csv",
    "type": "identify",
    "user_id": "customer_number",
    "timestamp": "created_at",
    "time_zone": "Europe/Amsterdam",
    "traits": {"email": "E_MAIL", "birthday": "BORN"},
    "consents": [
        {
            "purpose": "marketing_email",
            "status": "newsletter",
            "granted_values": ["ja"],
            "denied_values": ["nee"],
            "at": "newsletter_at",
            "withdrawn_at": "unsubscribed_at",
        }
    ],
    "date_formats": ["%d/%m/%Y"],
}
ROW = {
    "customer_number": "1001",
    "created_at": "31/01/2026",
    "E_MAIL": ALICE.email,
    "BORN": "02/03/1984",
    "newsletter": "Ja",
    "newsletter_at": "01/02/2026",
    "unsubscribed_at": "",
}


def mapping(**changes: object):
    return load(json.dumps({**CRM, **changes}).encode())


def test_a_row_becomes_an_identify() -> None:
    result = event(ROW, mapping())
    assert result["userId"] == "1001"
    assert result["traits"] == {"email": ALICE.email, "birthday": "1984-03-02"}
    assert datetime.fromisoformat(result["timestamp"]) == datetime(2026, 1, 30, 23, tzinfo=UTC)
    decisions = result["context"]["consent"]["decisions"]
    assert [(d["purpose"], d["status"]) for d in decisions] == [("marketing_email", "granted")]


def test_days_of_the_wire_are_read_by_the_formats_of_the_file() -> None:
    result = event(ROW, mapping(traits={"createdAt": "created_at", "seen": "created_at"}))
    assert result["traits"] == {"createdAt": "2026-01-31", "seen": "31/01/2026"}


def test_a_withdrawal_is_a_second_statement() -> None:
    decisions = event({**ROW, "unsubscribed_at": "05/03/2026"}, mapping())["context"]["consent"]["decisions"]
    assert [d["status"] for d in decisions] == ["granted", "withdrawn"]


def test_the_same_row_has_the_same_message_id_and_another_row_another() -> None:
    assert event(ROW, mapping())["messageId"] == event(dict(reversed(ROW.items())), mapping())["messageId"]
    assert event(ROW, mapping())["messageId"] != event({**ROW, "BORN": "03/03/1984"}, mapping())["messageId"]


@pytest.mark.parametrize(
    ("change", "reason", "column"),
    [
        ({"customer_number": ""}, "missing_key", "customer_number"),
        ({"created_at": "soon"}, "unreadable_time", "created_at"),
        ({"unsubscribed_at": "never"}, "unreadable_time", "unsubscribed_at"),
    ],
)
def test_a_bad_row_names_its_column_and_no_value(change: dict[str, str], reason: str, column: str) -> None:
    with pytest.raises(RowProblem) as caught:
        event({**ROW, **change}, mapping())
    assert (caught.value.reason, caught.value.column) == (reason, column)
    assert not any(value and value in str(caught.value) for value in change.values())


def test_a_track_row_says_who_by_external_ids() -> None:
    it = mapping(type="track", event="Order Completed", traits={"loyalty_card": "card"}, properties={"revenue": "sum"})
    result = event({**ROW, "card": "77", "sum": 12.5}, it)
    assert result["event"] == "Order Completed"
    assert result["properties"] == {"revenue": 12.5}
    assert result["context"]["externalIds"] == [{"id": "77", "type": "loyalty_card"}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "xlsx"}, "format"),
        ({"type": "track"}, "event"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"user_id": None}, "user_id"),
        ({"trait": {}}, "trait"),
    ],
)
def test_a_wrong_mapping_is_refused_by_the_name_of_its_key(change: dict[str, object], said: str) -> None:
    with pytest.raises(MappingError, match=said):
        mapping(**change)
