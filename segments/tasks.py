"""Jobs: builds of large segments. A task carries an id and may run twice."""

from datetime import UTC, datetime
from uuid import UUID

from celery import shared_task

from segments.models import Segment
from segments.rebuild import build


@shared_task
def build_segment(segment_id: str) -> None:
    """Builds one segment and those that refer to it."""
    build(UUID(segment_id), at=datetime.now(UTC))


@shared_task
def build_pending() -> None:
    """Builds the segments whose build was lost with the broker or a killed process."""
    for segment_id in Segment.objects.filter(enabled=True, built_at=None).values_list("id", flat=True):
        build(segment_id, at=datetime.now(UTC))
