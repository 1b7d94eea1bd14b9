"""From question to question through a queue that is longer than any page."""

import pytest

from cdp.ids import uuid7
from identity import queue
from identity.models import Review
from tests.console.conftest import NOW, World, signed_in
from tests.console.test_pages import page_of
from tests.console.test_steward import pair_page, question

__all__ = ["question"]  # a fixture
pytestmark = pytest.mark.django_db


def test_a_long_queue_is_walked_to_its_end(world: World, question: Review) -> None:
    def asked(probability: float, reason: str) -> Review:
        left, right = sorted((uuid7(), uuid7()))
        return Review(left_id=left, right_id=right, probability=probability, bits=0, reason=reason, at=NOW)

    Review.objects.bulk_create([asked(0.3 + n % 7 / 10, ("suspect", "bridge")[n % 2]) for n in range(40)])
    Review.objects.bulk_create([asked(0.5, "bridge") for _ in range(5_000)])
    question.probability = 0.95
    question.save()
    rows = queue.reviews().filter(state="open")
    order = list(queue.in_order(rows).values_list("id", flat=True))
    for place in (0, 1, 15, 20, 2_500, 5_002, 5_030, 5_039):
        found = queue.neighbours(rows, order[place])
        assert found == (order[place - 1] if place else None, order[place + 1]), place
    assert queue.neighbours(rows, order[-1]) == (order[-2], None)
    assert queue.neighbours(rows, uuid7()) == (None, order[0])
    assert (len(order), order[-1]) == (5_041, question.id)
    assert str(order[-2]) in page_of(signed_in("steward"), pair_page(question))[1]
