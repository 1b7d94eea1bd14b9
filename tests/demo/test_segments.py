"""The ten segments are rules that can be saved, and each has its own computation."""

from datetime import UTC, datetime

import pytest

from cdp.access.roles import ensure_roles
from cdp.demo import catalogue, world
from cdp.demo.checks import CHECKS
from cdp.demo.segments import SEGMENTS
from cdp.sources.models import Source
from consent.models import Notice
from segments.models import Segment


def test_every_segment_is_computed_a_second_time() -> None:
    assert [wanted.key for wanted in SEGMENTS] == list(CHECKS)
    assert len(CHECKS) == 10


def test_no_declared_fact_is_also_declared_identifying() -> None:
    facts = {(scope, name) for scope, name, _ in catalogue.DECLARED_FACTS}
    assert facts.isdisjoint({(scope, name) for scope, name, _ in catalogue.DECLARED_IDENTIFYING})


@pytest.mark.django_db
def test_the_world_can_be_made_twice() -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    ensure_roles()
    first = world.make(at=at)
    versions = dict(Segment.objects.values_list("key", "version"))
    second = world.make(at=at)
    assert {name: source.id for name, source in first.sources.items()} == {
        name: source.id for name, source in second.sources.items()
    }
    assert dict(Segment.objects.values_list("key", "version")) == versions == {wanted.key: 1 for wanted in SEGMENTS}
    assert Source.objects.count() == 4
    assert Notice.objects.count() == 8
    assert first.write_key != second.write_key, "a key cannot be shown twice, so it is made anew"
