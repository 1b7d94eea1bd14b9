"""A micro-batch from the inbox to golden records, memberships and counts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from cdp import audit
from cdp.events.accept import accept
from cdp.events.reads import reconciliation
from cdp.pipeline.batch import run_batch
from cdp.pipeline.uptodate import bring_up_to_date
from cdp.sources import lookup
from cdp.sources.create import create
from cdp.sources.lookup import SourceInfo
from consent.purposes import ensure_purpose
from tests.people import ALICE, BOB

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def shop(clean: None) -> SourceInfo:
    source, _ = create("shop", by=audit.SYSTEM)
    return lookup.info_of(source)


def send(source: SourceInfo, *events: dict[str, object], at: datetime = NOW) -> dict[str, int]:
    accept(source, list(events), received_at=at)
    return run(at=at)


def run(at: datetime = NOW) -> dict[str, int]:
    total: dict[str, int] = {}
    while (result := run_batch(500, now=at, slot=1)).claimed:
        for outcome, n in result.outcomes.items():
            total[outcome] = total.get(outcome, 0) + n
    while bring_up_to_date(500, now=at):
        pass
    return total


def identify(user: str, number: int = 1, **traits: object) -> dict[str, object]:
    return {"type": "identify", "userId": user, "messageId": f"i-{user}-{number}", "traits": traits}


def track(user: str, event: str, number: int, **properties: object) -> dict[str, object]:
    return {
        "type": "track",
        "userId": user,
        "event": event,
        "messageId": f"t-{user}-{number}",
        "properties": properties,
    }


def scalar(sql: str, *params: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return row[0] if row else None


def test_events_become_a_profile_with_stored_events(shop: SourceInfo) -> None:
    outcomes = send(
        shop, identify(ALICE.user_id, email=ALICE.email), track(ALICE.user_id, "Order Completed", 1, revenue=12.5)
    )
    assert outcomes == {"stored": 2}
    assert scalar("SELECT count(*) FROM identity_profile") == 1
    assert scalar("SELECT (facts->>'revenue')::float FROM events_event WHERE facts ? 'revenue'") == 12.5
    counted = reconciliation(shop.id)
    assert (counted["accepted"], counted["stored"], counted["pending"]) == (2, 2, 0)


def test_an_anonymous_visit_joins_the_person_who_signs_in(shop: SourceInfo) -> None:
    visit = {"type": "page", "anonymousId": "a-1", "messageId": "p-1", "name": "Home"}
    send(shop, visit)
    send(shop, {**identify(ALICE.user_id, email=ALICE.email), "anonymousId": "a-1"})
    assert scalar("SELECT count(*) FROM identity_record") == 2
    assert scalar("SELECT count(*) FROM identity_profile") == 1


def test_a_merge_call_makes_two_identifiers_one_person(shop: SourceInfo) -> None:
    send(shop, identify("u-1", email=ALICE.email), identify("u-2", phone=ALICE.phone))
    assert scalar("SELECT count(*) FROM identity_profile") == 2
    said = [{"type": "email", "value": ALICE.email}, {"type": "mobile", "value": ALICE.phone}]
    merge = {"type": "merge", "anonymousId": "a-1", "messageId": "merge-1", "mergeProperties": said}
    assert send(shop, merge) == {"stored": 1}
    # Two customers whom their own shop tells apart are not joined by an address and a number alone ...
    assert scalar("SELECT count(*) FROM identity_profile") == 2
    ids = [{"type": "user_id", "value": "u-1"}, {"type": "userId", "value": "u-2"}]
    assert send(shop, merge | {"messageId": "merge-2", "mergeProperties": ids}) == {"stored": 1}
    # ... but by a statement about their very ids.
    assert scalar("SELECT count(*) FROM identity_profile") == 1


def test_no_permission_is_denied_counted_and_not_kept(clean: None) -> None:
    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    source, _ = create("letters", purposes=[("newsletter", "consent")], by=audit.SYSTEM)
    info = lookup.info_of(source)
    assert send(info, identify(BOB.user_id, email=BOB.email)) == {"denied": 1}
    assert scalar("SELECT count(*) FROM identity_record") == 0
    agreed = {
        **identify(BOB.user_id, 2, email=BOB.email),
        "context": {"consent": {"categoryPreferences": {"newsletter": True}}},
    }
    assert send(info, agreed) == {"stored": 1}
    # What was denied was not kept, so it was not remembered as seen: sent again after the consent, it is stored.
    assert send(info, identify(BOB.user_id, email=BOB.email)) == {"stored": 1}
    assert sum(v for k, v in reconciliation(info.id).items() if k != "accepted") == reconciliation(info.id)["accepted"]


def test_a_refusal_in_a_denied_event_is_remembered(clean: None) -> None:
    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    source, _ = create("letters", purposes=[("newsletter", "consent")], by=audit.SYSTEM)
    refusal = {**identify(BOB.user_id), "context": {"consent": {"categoryPreferences": {"newsletter": False}}}}
    assert send(lookup.info_of(source), refusal) == {"denied": 1}
    assert scalar("SELECT status FROM consent_ledgerentry") == "denied"


def decided(status: str, at: datetime, **terms: str) -> dict[str, object]:
    decision = {"purpose": "newsletter", "status": status, "at": at.isoformat(), **terms}
    return {"context": {"consent": {"decisions": [decision]}}}


def test_a_decision_that_every_event_repeats_is_one_line_of_the_ledger(shop: SourceInfo) -> None:
    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    agreed = decided("granted", NOW - timedelta(days=2), notice="v1")
    for first in (0, 10):
        send(shop, *(track(BOB.user_id, "Product Viewed", n) | agreed for n in range(first, first + 10)))
    assert scalar("SELECT count(*) FROM consent_ledgerentry") == 1
    assert scalar("SELECT count(*) FROM audit_pending WHERE entry->>'action' = 'consent.record'") == 1
    # Other terms, another time, another status, another person: each is a statement of its own.
    send(shop, track(BOB.user_id, "Product Viewed", 20) | decided("granted", NOW - timedelta(days=2), notice="v2"))
    send(shop, track(BOB.user_id, "Product Viewed", 21) | decided("granted", NOW, notice="v2"))
    send(shop, track(ALICE.user_id, "Product Viewed", 1) | agreed)
    assert scalar("SELECT count(*) FROM consent_ledgerentry") == 4


def test_a_refusal_that_arrives_late_is_not_the_last_word(shop: SourceInfo) -> None:
    """She agreed on day 1 and again on day 3; that she had said no on day 2 arrives last."""
    from consent.permits import permits

    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    days = [NOW - timedelta(days=n) for n in (3, 2, 1)]
    for number, (status, at) in enumerate([("granted", days[0]), ("granted", days[2]), ("denied", days[1])] * 2):
        send(shop, track(ALICE.user_id, "Product Viewed", number) | decided(status, at))
    assert scalar("SELECT count(*) FROM consent_ledgerentry") == 3
    digest = scalar("SELECT digest FROM consent_subject LIMIT 1")
    assert isinstance(digest, UUID)
    assert permits([digest], "newsletter", at=NOW).allowed
    assert not permits([digest], "newsletter", at=days[1] + timedelta(hours=1)).allowed


@pytest.mark.parametrize(
    "said",
    [
        {"decisions": [{"purpose": "newsletter", "status": "maybe"}]},
        {"decisions": [{"purpose": "newsletter", "status": "granted", "at": "yesterday"}]},
    ],
)
def test_a_consent_that_cannot_be_read_sets_the_event_aside(clean: None, shop: SourceInfo, said: object) -> None:
    ensure_purpose("newsletter", basis="consent", by=audit.SYSTEM)
    event = {**identify(BOB.user_id), "context": {"consent": said}}
    assert send(shop, event, identify(ALICE.user_id)) == {"rejected": 1, "stored": 1}
    assert scalar("SELECT reason FROM events_rejection") == "invalid_consent"


def test_a_poisoned_event_is_set_aside_and_does_not_block(shop: SourceInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    from cdp.pipeline import batch

    real = batch.wire.read

    def read(event: dict[str, object], **given: object):
        if event["messageId"] == "t-poison-1":
            raise RuntimeError("poison")
        return real(event, **given)

    monkeypatch.setattr(batch.wire, "read", read)
    good = [track(ALICE.user_id, "Order Completed", n, revenue=1) for n in range(20)]
    assert send(shop, *good[:10], track("poison", "Order Completed", 1), *good[10:]) == {"stored": 20, "rejected": 1}
    assert scalar("SELECT reason FROM events_rejection") == "poisoned"
    assert reconciliation(shop.id)["pending"] == 0


def test_suppressed_people_are_counted_not_kept(shop: SourceInfo) -> None:
    from cdp.vault import blind
    from consent.suppression import suppress

    send(shop, identify(ALICE.user_id, email=ALICE.email))
    suppress([blind.index("email", ALICE.email)], reason="erased", at=NOW)
    assert send(shop, identify(ALICE.user_id, 2, email=ALICE.email)) == {"suppressed": 1}


def test_a_withdrawal_by_browser_signal_covers_the_purposes_that_say_so(shop: SourceInfo) -> None:
    ensure_purpose("ads", basis="consent", by=audit.SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consent_purpose SET opt_out_by_gpc = true WHERE key = 'ads'")
    accept(shop, [identify(ALICE.user_id)], received_at=NOW, gpc=True)
    assert run() == {"stored": 1}
    assert scalar("SELECT status || ' ' || method FROM consent_ledgerentry WHERE purpose = 'ads'") == "withdrawn gpc"


def test_a_segment_fills_live(shop: SourceInfo) -> None:
    from segments.define import define

    segment = define(
        key="buyers",
        name="Buyers",
        rule={"event": "Order Completed", "count": {"gte": 2}, "within": {"days": 30}},
        by=audit.SYSTEM,
        at=NOW,
    )
    first = track(ALICE.user_id, "Order Completed", 1, revenue=5) | {
        "timestamp": (NOW - timedelta(days=40)).isoformat()
    }
    send(shop, first, track(ALICE.user_id, "Order Completed", 2, revenue=5))
    assert _members(segment.id) == 0
    send(shop, track(ALICE.user_id, "Order Completed", 3, revenue=5), at=NOW + timedelta(minutes=1))
    assert _members(segment.id) == 1


def _members(segment_id: UUID) -> object:
    return scalar("SELECT count(*) FROM segments_membership WHERE segment_id = %s AND member", segment_id)


@pytest.fixture(autouse=True)
def _no_leftovers(clean: None) -> Iterator[None]:
    yield
    assert scalar("SELECT count(*) FROM events_inbox") == 0
