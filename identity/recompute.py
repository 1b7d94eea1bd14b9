"""Stored golden records brought up to date after a rule changed: in batches, each a transaction of its own under the identity
lock, so that the flow goes on in between, and what was stopped goes on where it ended."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from cdp import audit, outbox
from identity import locks, profilerows
from identity.models import AttributeRule

BATCH = 200
# Every process knows a rule a second after it was committed. Who computes a golden record does so under the identity lock: once
# this long has passed, nobody can write by the old rule what a batch here has written by the new one.
SETTLED = 3
_PAGE = "SELECT id FROM identity_profile WHERE records > 1 AND (%s::uuid IS NULL OR id > %s::uuid) ORDER BY id LIMIT %s"


def waiting() -> list[UUID]:
    """The rules whose job is to be done, the newest first: its pass brings everything up to date with all the others too."""
    settled = RawSQL("clock_timestamp() - %s * interval '1 second'", [SETTLED])
    rows = AttributeRule.objects.filter(finished_at=None, at__lte=settled).order_by("-id")
    return list(rows.values_list("id", flat=True))


def step(rule_id: UUID, *, at: datetime) -> bool:
    """Looks at the next profiles of one rule's job; whether there is more to do. Safe to repeat, and for two at once.

    A profile of one record has one value for everything, whatever the rule; the rest is looked at."""
    with transaction.atomic():
        locks.take()
        job = AttributeRule.objects.select_for_update().get(pk=rule_id)
        if job.finished_at is not None:
            return False
        if job.total is None:
            job.total = _count()
        ids = _page(job.position)
        if ids:
            changed = profilerows.refresh(ids, at=at)
            outbox.changed(sorted(changed), reason="identity")
            job.position, job.looked_at, job.changed = ids[-1], job.looked_at + len(ids), job.changed + len(changed)
            job.save(update_fields=["total", "position", "looked_at", "changed"])
            return True
        _finish(job, at=at)
        return False


def _finish(job: AttributeRule, *, at: datetime) -> None:
    job.finished_at = at
    job.save(update_fields=["total", "finished_at"])
    AttributeRule.objects.filter(finished_at=None, id__lt=job.id).update(finished_at=at)
    audit.record(
        "survivorship.applied", by=audit.SYSTEM, object=("attribute_rule", job.id), fields=[job.trait], rows=job.changed,
        details={"version": job.version, "looked_at": job.looked_at},
    )  # fmt: skip


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM identity_profile WHERE records > 1")
        return int(cursor.fetchone()[0])


def _page(after: UUID | None) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, [after, after, BATCH])
        return [row[0] for row in cursor.fetchall()]
