"""What pages and jobs ask of a large base is answered by indexes: the plans, where reading a whole table is forbidden."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from identity import decide, profiles
from identity.models import Merge
from tests.console.conftest import NOW, World, client_with, get, signed_in
from tests.identity.test_decide import STEWARD

pytestmark = pytest.mark.django_db


def plans(asked: CaptureQueriesContext, *words: str) -> str:
    """The plans of those captured queries that hold all of these words."""
    found = [it["sql"] for it in asked.captured_queries if all(word in it["sql"] for word in words)]
    assert found, words
    said = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")  # nor in the order of its key
        for query in found:
            cursor.execute(f"EXPLAIN {query}")
            said += [row[0] for row in cursor.fetchall()]
        transaction.set_rollback(True)
    return "\n".join(said)


def test_the_quality_page_finds_the_largest_profiles(world: World) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert signed_in("steward").get(reverse("admin:console_quality")).status_code == 200
    assert "identity_profile_largest" in plans(asked, "identity_profile", '"records" > 2')


def test_what_changed_since_is_found(world: World) -> None:
    moment = (timezone.now() - timedelta(seconds=5)).isoformat().replace("+00:00", "Z")
    with CaptureQueriesContext(connection) as asked:
        status, _ = get(client_with("profiles:read"), f"profiles/?updated_since={moment}")
    assert status == 200
    assert "identity_profile_updated" in plans(asked, '"updated_at" >=')


def test_history_and_undo_read_the_acts_they_are_about(world: World) -> None:
    done = decide.same_person(world.alice, world.bob, by=STEWARD, at=NOW)
    with CaptureQueriesContext(connection) as asked:
        [act] = profiles.history_of(world.bob, most=50)
        decide.undo(done.merges[0], by=STEWARD, at=NOW)
    assert act.others == [max(world.alice, world.bob)]  # made in one millisecond, either may be the older id
    assert Merge.objects.get(pk=act.id).undone_at
    assert "identity_merge_others" in plans(asked, "identity_merge", "@>")
    assert "identity_merge_decision" in plans(asked, "UPDATE", "identity_merge", "-> 'decision'")
