"""Who follows live never knows more than what is stored, and hears of what others did. Histories that chance seldom finds; the
rest is a law (tests/laws/test_segments_live.py)."""

import pytest
from django.db import DatabaseError, connection

from cdp.pipeline.uptodate import bring_up_to_date
from segments.live import Live
from segments.wake import wake
from tests.segments.following import ORDER, VIEW, World, prepare, sql
from tests.segments.world import NOW


@pytest.fixture
def world(clean: None) -> World:
    return World(prepare())


def view(it: World, who: int = 0) -> None:
    it.event(who, VIEW, 0, 1, 1)


def lost_at_commit(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The connection is lost after everything was written, once."""
    asked = getattr(Live, name)

    def last(self: Live, *args: object, **more: object) -> object:
        found = asked(self, *args, **more)
        monkeypatch.setattr(Live, name, asked)
        connection.connection.close()
        return found

    monkeypatch.setattr(Live, name, last)


def test_a_step_whose_commit_is_lost_is_done_again_from_what_is_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    view(world)
    assert bring_up_to_date(9, now=NOW)
    view(world)
    lost_at_commit(monkeypatch, "follow")
    with pytest.raises(DatabaseError):
        bring_up_to_date(9, now=NOW)
    connection.close()
    assert bring_up_to_date(9, now=NOW) == 1
    world.end()


def test_what_the_server_lost_is_not_remembered(world: World) -> None:
    view(world)
    view(world)
    assert bring_up_to_date(9, now=NOW)
    # As after a crash of the server: the commit did not reach its disk, and the connection is another.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM segments_membership")
    connection.close()
    view(world)
    assert bring_up_to_date(9, now=NOW) == 1
    world.end()


def test_nobody_is_told_to_have_left_who_never_entered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.event(0, ORDER, 0, 1, 1)
    assert bring_up_to_date(9, now=NOW)
    world.later(6)  # three days: asleep
    lost_at_commit(monkeypatch, "learn")
    with pytest.raises(DatabaseError):
        wake(world.now)
    connection.close()
    world.event(0, ORDER, 0, 1, 1)
    assert bring_up_to_date(9, now=world.now)
    assert not sql("SELECT FROM outbox_message WHERE payload->>'segment' = 'sleeps'")
    world.end()


def test_who_follows_hears_of_a_wakeup_in_another_process(world: World) -> None:
    world.other(1)
    world.event(0, ORDER, 0, 1, 1)
    world.follow(9)
    world.time(4)
    world.event(0, ORDER, 0, 1, 1)
    world.end()


def test_who_follows_hears_of_a_rebuild_by_somebody_else(world: World) -> None:
    for _ in range(2):
        view(world)
    world.settle()
    world.build(0)
    world.end()


def test_a_record_that_went_to_somebody_and_came_back_brings_what_happened_meanwhile(world: World) -> None:
    view(world, 0)
    view(world, 1)
    world.settle()
    # The queue is longer than a step: of the record's move its new profile is read before the old one hears of it.
    for _ in range(2):
        world.trait(1, "NL")
    world.move(0, 1)
    world.follow(1)
    view(world, 0)
    world.follow(1)
    world.move(0, 0)
    world.end()


def test_who_takes_over_asks_again_whose_a_record_is(world: World) -> None:
    view(world, 0)
    view(world, 1)
    world.settle()
    world.other(1)
    world.move(0, 1)
    world.settle()
    world.other(1)
    view(world, 0)
    world.end()


def test_a_profile_that_is_gone_leaves(world: World) -> None:
    view(world)
    world.settle()
    world.erase(0)
    world.end()
    assert not sql("SELECT FROM segments_membership")
