"""Housekeeping on the calendar."""

from datetime import UTC, datetime

import structlog
from celery import shared_task

from cdp.operations import reporting
from cdp.vault.holders import all_holders

log = structlog.get_logger(__name__)


@shared_task
def sweep() -> None:
    """Every holder drops what is past its time: rejections, uploads, keys of emptied inbox days. Safe to repeat."""
    now = datetime.now(UTC)
    for holder in all_holders():
        log.info("sweep", holder=holder.name, purged=holder.purge(now))
    reporting.forget_ended(now)
