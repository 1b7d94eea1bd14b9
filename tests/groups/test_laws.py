"""Laws of groups: order, batching and repetition do not matter; live = rebuilt; what one member said goes with them."""

import os
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.audit import SYSTEM
from cdp.groups.holder import Groups
from cdp.groups.rebuild import rebuild
from cdp.sources.create import create
from cdp.vault import keys
from tests.groups.cases import NOW, picture, say, see
from tests.identity.cases import said
from tests.identity.cases import see as meet

pytestmark = pytest.mark.django_db
BUDGET = settings(
    max_examples=int(os.environ.get("CASES", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)
PEOPLE, SOURCES = 4, 2
calls = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.integers(0, PEOPLE - 1),
            "name": st.sampled_from(["acme", "globex"]),
            "minute": st.integers(0, 3),
            "traits": st.fixed_dictionaries(
                {},
                optional={
                    "name": st.sampled_from(["Acme", "ACME Inc.", ""]),
                    "employees": st.sampled_from([1, 20, 300, "many", None]),
                    "plan": st.sampled_from(["free", "enterprise", ["a", "b"]]),
                    "address": st.sampled_from([{"country": "NL"}, {"country": "DE", "city": "Bonn"}, "Bonn"]),
                },
            ),
        }
    ),
    min_size=1,
    max_size=10,
)


def _records() -> list[tuple[UUID, UUID]]:
    """People of two sources, of which the second one counts for more."""
    made = [create(f"source{n}", by=SYSTEM, priority=10 * n)[0].id for n in range(SOURCES)]
    sources = [made[n % SOURCES] for n in range(PEOPLE)]
    found = meet(*(said(f"u-{n}", source=source) for n, source in enumerate(sources)))
    return [(it.record_id, source) for it, source in zip(found, sources, strict=True)]


def _said(people: list[tuple[UUID, UUID]], call: dict[str, Any]) -> Any:
    return say(*people[call["who"]], call["name"], minute=call["minute"], **call["traits"])


@BUDGET
@given(calls=calls, data=st.data())
def test_order_batches_and_repetition_do_not_matter(calls: list[dict[str, Any]], data: Any) -> None:
    other = data.draw(st.permutations([*calls, *data.draw(st.lists(st.sampled_from(calls), max_size=3))]))
    seen = []
    with transaction.atomic():
        people = _records()
        for number, order in enumerate((calls, other)):
            with transaction.atomic():
                if number:
                    for call in order:
                        see(_said(people, call))
                else:
                    see(*(_said(people, call) for call in order))
                seen.append(picture())
                assert rebuild(check=True, at=NOW) == 0
                transaction.set_rollback(True)
        transaction.set_rollback(True)
    assert seen[0] == seen[1]


@BUDGET
@given(calls=calls, gone=st.sets(st.integers(0, PEOPLE - 1), min_size=1))
def test_without_a_member_a_group_is_as_if_they_had_never_spoken(calls: list[dict[str, Any]], gone: set[int]) -> None:
    seen = []
    with transaction.atomic():
        people = _records()
        for without in (False, True):
            with transaction.atomic():
                see(*(_said(people, call) for call in calls if not (without and call["who"] in gone)))
                if not without:
                    records = [people[n][0] for n in gone]
                    assert Groups().find(records) == len(list(Groups().export(records)))
                    Groups().erase(records)
                    assert Groups().find(records) == 0
                seen.append(picture())
                assert rebuild(check=True, at=NOW) == 0
                transaction.set_rollback(True)
        transaction.set_rollback(True)
    assert seen[0] == seen[1]


def test_a_source_that_counts_for_more_stands_and_within_it_the_latest() -> None:
    people = _records()
    (low, _), (high, _) = people[0], people[1]
    see(
        say(*people[0], "acme", minute=9, name="Acme of the low source", employees=3),
        say(*people[1], "acme", minute=1, name="Acme, early"),
        say(*people[3], "acme", minute=2, name="Acme, late"),
    )
    traits = picture()["acme"]["traits"]
    assert traits["name"][:2] == ("Acme, late", "identifying")
    assert traits["employees"][:2] == (3, "fact")
    assert [record for record, _, _ in picture()["acme"]["members"]] == sorted([low, high, people[3][0]])


def test_an_erasure_leaves_a_group_under_a_new_key_and_takes_an_empty_one_with_its_key(
    django_capture_on_commit_callbacks: Any,
) -> None:
    from cdp.groups.models import Group

    people = _records()
    see(
        say(*people[0], "acme", name="Acme"),
        say(*people[1], "acme"),
        say(*people[0], "alice@example.com", name="Alice A"),
    )
    before = set(Group.objects.values_list("key_id", flat=True))
    with django_capture_on_commit_callbacks(execute=True):
        assert Groups().erase([people[0][0]]) == 2
    after = set(Group.objects.values_list("key_id", flat=True))
    assert (len(before), len(after), before & after) == (2, 1, set())
    keys.forget()
    assert keys.load(before) == {}
    assert set(picture()) == {"acme"}
    assert picture()["acme"]["traits"] == {}


def test_a_rebuild_mends_what_was_tampered_with() -> None:
    from cdp.groups.models import Group, Member

    people = _records()
    see(say(*people[0], "acme", name="Acme", employees=5), say(*people[1], "acme", minute=3))
    whole = picture()
    Group.objects.update(facts={"employees": 6}, provenance={}, said={})
    Member.objects.create(
        group_id=Group.objects.get().id, record_id=UUID(int=7), source_id=people[0][1], first_seen=NOW,
        last_seen=NOW + timedelta(days=1),
    )  # fmt: skip
    assert rebuild(check=True, at=NOW) > 0
    assert picture() != whole
    assert rebuild(at=NOW) > 0
    assert rebuild(check=True, at=NOW) == 0
    assert picture() == whole


def test_a_restore_that_erases_again_finds_a_group_by_its_destroyed_key(
    django_capture_on_commit_callbacks: Any,
) -> None:
    from cdp.groups.models import Group

    people = _records()
    see(say(*people[0], "acme", name="Acme", employees=5), say(*people[1], "acme"))
    whole, old = picture(), Group.objects.get().key_id
    with django_capture_on_commit_callbacks(execute=True):
        assert Groups().erase([old]) == 0
    keys.forget()
    assert keys.load([old]) == {}
    assert picture() == whole
