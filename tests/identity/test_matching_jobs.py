"""Training, comparing, switching: through the verbs and the command, on the records of a small town."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from cdp.audit import Actor
from cdp.audit.models import Pending
from cdp.ids import uuid7
from consent.record import Statement, record
from identity.erase import erase
from identity.explain import explain
from identity.linking import activation, active, comparison, jobs, refusals, training
from identity.models import MatchModel
from identity.prepare import digests_of
from identity.rebuild import rebuild
from tests.identity.cases import CRM, LATER, SHOP, rows, said, see, together
from tests.identity.population import town

BY = Actor("user", "1", role="steward")
PEOPLE = 300


def now():
    return datetime.now(UTC)


@pytest.fixture
def people(monkeypatch):
    monkeypatch.setattr(jobs, "SETTLED", 0)
    pairs = list(town(PEOPLE))
    see(*[one for pair in pairs for one in pair])
    return pairs


def train():
    row = training.begin(by=BY)
    assert jobs.go_on(clock=now)
    row.refresh_from_db()
    return row


def activate(row):
    activation.activate(row.version, by=BY, at=now())
    assert jobs.go_on(clock=now)
    row.refresh_from_db()
    return row


def count(query):
    return rows(f"SELECT count(*) FROM {query}")[0][0]


def homes():
    """Profiles as sets of record keys."""
    found = {}
    for profile, source, digest in rows("SELECT profile_id, source_id, key_digest FROM identity_record"):
        found.setdefault(profile, set()).add((source, digest))
    return sorted(map(sorted, found.values()))


@pytest.mark.django_db
def test_a_model_learns_joins_who_is_alike_and_goes_again(people):
    before, profiles = homes(), count("identity_profile")
    assert profiles == 2 * PEOPLE
    row = train()
    assert row.state == "trained"
    assert row.trained_on == 2 * PEOPLE
    assert row.summary["estimated"]["precision"] > 0.95
    assert homes() == before, "training changes nothing"
    comparison.begin(row.version, by=BY)
    jobs.go_on(clock=now)
    row.refresh_from_db()
    foreseen = row.comparison
    assert foreseen["parting"] == 0
    activate(row)
    assert row.state == "active"
    assert row.job == ""
    assert row.looked_at == 2 * PEOPLE
    assert count("identity_profile") == foreseen["profiles_after"]
    right = sum(together(*_found(pair)) for n, pair in enumerate(people) if n % 4)
    wrong = sum(together(*_found(pair)) for n, pair in enumerate(people) if n % 4 == 0)
    assert right > 0.85 * PEOPLE * 3 / 4
    assert wrong <= 1
    assert rebuild(check=True, at=LATER) == 0
    activation.deactivate(by=BY, at=now())
    jobs.go_on(clock=now)
    assert homes() == before
    assert not count("identity_matchrow") + count("identity_matchkey") + count("identity_retiredkey")
    assert not count("identity_review") + count("identity_link WHERE rule = 'similar'")
    assert rebuild(check=True, at=LATER) == 0


class _found(tuple):  # noqa: N801
    """The stored records of a pair of observations, as `together` wants them."""

    def __new__(cls, pair):
        from types import SimpleNamespace

        found = []
        for one in pair:
            digest = digests_of(one)[0]
            [(id,)] = rows(
                "SELECT id FROM identity_record WHERE source_id = %s AND key_digest = %s", [one.source_id, digest]
            )
            found.append(SimpleNamespace(record_id=id))
        return super().__new__(cls, found)


@pytest.mark.django_db
def test_a_new_record_finds_its_person_and_a_change_of_it_parts_them(people):
    activate(train())
    pair = next(town(1, start=5_001))
    a, b = see(pair[0])[0], see(pair[1])[0]
    assert together(a, b)
    [(rule, probability)] = rows(
        "SELECT rule, probability FROM identity_link WHERE %s IN (left_id, right_id)", [a.record_id]
    )
    assert rule == "similar"
    assert probability >= 0.9
    see(said("c5001", source=CRM, at=900, firstName="Bertram", lastName="Quince", birthday="1901-09-09", street="1 Far Way",
             city="Elsewhere", postalCode="99999"))  # fmt: skip
    assert not together(a, b)


@pytest.mark.django_db
def test_what_is_kept_names_nobody(people):
    activate(train())
    for table in ("matchmodel", "matchrow", "matchkey", "retiredkey", "review", "link"):
        text = str(rows(f"SELECT t::text FROM identity_{table} t"))
        assert "Archer" not in text
        assert "archer" not in text
    assert "archer" not in str(list(Pending.objects.values()))


@pytest.mark.django_db
def test_who_objects_is_recognised_by_identifiers_alone(people):
    activate(train())
    pair = people[1]
    one, other = _found(pair)
    assert together(one, other)
    with transaction.atomic():
        said_no = Statement(
            subjects=digests_of(pair[0])[:1], purpose="matching", status="objected", effective_from=now(), cause=uuid7(),
            basis="legitimate_interests",
        )  # fmt: skip
        record([said_no], actor="test", at=now(), by=BY)
    assert explain(one.record_id, other.record_id, at=now()).match is None
    assert refusals.catch_up(clock=now) > 0
    assert not together(one, other)
    assert rebuild(check=True, at=now()) == 0
    assert refusals.catch_up(clock=now) == 0
    assert count("identity_matchrow WHERE sealed IS NULL") == 1, "the other one, now a person alone, did not object"
    see(said("n1", source=SHOP, at=3, **pair[0].sealed))
    assert not any(
        one.record_id in pair for pair in rows("SELECT left_id, right_id FROM identity_link WHERE rule = 'similar'")
    )


@pytest.mark.django_db
def test_switching_that_was_stopped_goes_on_where_it_ended(people, monkeypatch):
    monkeypatch.setattr(activation, "BATCH", 100)
    first = activate(train())
    before = homes()
    second = train()
    activation.activate(second.version, by=BY, at=now())
    assert activation.step(second.id, at=now())
    assert homes() == before, "who was not looked at yet keeps its links"
    second.refresh_from_db()
    assert second.looked_at == 100
    fresh = next(town(1, start=7_001))
    assert together(*see(*fresh)), "the live flow goes on beside it"
    with pytest.raises(jobs.Busy):
        training.begin(by=BY)
    jobs.go_on(clock=now)
    second.refresh_from_db()
    assert second.job == ""
    first.refresh_from_db()
    assert first.state == "retired"
    assert set(rows("SELECT model_version FROM identity_matchrow")) == {(second.version,)}
    assert rebuild(check=True, at=LATER) == 0
    with pytest.raises(activation.NotActivatable):
        activation.activate(second.version, by=BY, at=now())


@pytest.mark.django_db
def test_erasing_leaves_nothing_of_a_record(people):
    activate(train())
    one, other = _found(people[1])
    erase([one.record_id], at=LATER)
    assert not rows("SELECT 1 FROM identity_matchrow WHERE record_id = %s", [one.record_id])
    assert not rows("SELECT 1 FROM identity_matchkey WHERE record_id = %s", [one.record_id])
    assert not rows("SELECT 1 FROM identity_review WHERE %s IN (left_id, right_id)", [one.record_id])
    assert rows("SELECT 1 FROM identity_matchrow WHERE record_id = %s", [other.record_id])


@pytest.mark.django_db
def test_the_command_says_what_it_did_and_what_it_cannot_do(people):
    out = StringIO()
    call_command("train_matching", "--activate", stdout=out)
    assert "Version 1, learnt from 600 records" in out.getvalue()
    assert "in force" in out.getvalue()
    for wrong in (["--threshold", "0.2"], ["--review-from", "0.95"]):
        with pytest.raises(CommandError, match="probability"):
            call_command("train_matching", *wrong)


@pytest.mark.django_db
def test_too_little_to_learn_from_is_said_and_harms_nothing(monkeypatch):
    see(said("u1", firstName="Alice"), said("u2", firstName="Bob"))
    with pytest.raises(CommandError, match="at least 50 are needed"):
        call_command("train_matching")
    row = MatchModel.objects.get()
    assert row.state == "failed"
    assert "at least 50" in row.error
    assert row.job == ""


@pytest.mark.django_db
def test_a_new_version_is_trained_when_it_is_due(people, settings):
    assert jobs.retrain_if_due(at=now()) is None, "nothing is in force"
    row = activate(train())
    assert jobs.retrain_if_due(at=now()) is None
    MatchModel.objects.filter(pk=row.pk).update(trained_at=datetime(2026, 1, 1, tzinfo=UTC))
    settings.RETRAIN_MATCHING_DAYS = 0
    assert jobs.retrain_if_due(at=now()) is None
    settings.RETRAIN_MATCHING_DAYS = 30
    begun = jobs.retrain_if_due(at=now())
    assert begun.version == 2
    assert active.current().version == 1, "a person puts it in force"
