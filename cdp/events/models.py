"""What happened: the sealed inbox, the dedupe table, the event store, counts and rejections.

`seen` is hash-partitioned and `events` is partitioned by month: the migration writes both in SQL, so they are unmanaged here.
"""

from django.db import models
from django.db.models.functions import Now

from cdp.ids import uuid7


class Inbox(models.Model):
    """An accepted event, sealed under the key of the day it came, until the pipeline has processed it."""

    id = models.BigAutoField(primary_key=True)
    source_id = models.UUIDField()
    message = models.UUIDField()  # keyed digest of (source, messageId)
    received_at = models.DateTimeField()
    sealed = models.BinaryField()
    attempts = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name_plural = "inbox"


class Seen(models.Model):
    """Digests of accepted messages, for as long as the event itself is kept."""

    digest = models.UUIDField(primary_key=True)
    month = models.DateField()

    class Meta:
        managed = False
        db_table = "events_seen"


class Event(models.Model):
    """A stored event of a record. Facts in clear under a random record id; everything else sealed under its key."""

    class Type(models.IntegerChoices):
        IDENTIFY = 1
        TRACK = 2
        PAGE = 3
        SCREEN = 4
        GROUP = 5
        ALIAS = 6

    pk = models.CompositePrimaryKey("id", "occurred_at")
    id = models.UUIDField()
    record_id = models.UUIDField()
    source_id = models.UUIDField()
    type = models.SmallIntegerField(choices=Type)
    name = models.UUIDField(null=True)  # digest of the event name (catalogue scope "event")
    message = models.UUIDField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    facts = models.JSONField()
    sealed = models.BinaryField()

    class Meta:
        managed = False
        db_table = "events_event"


class Tally(models.Model):
    """Counts for reconciliation: one row per (source, outcome, slot); slots keep writers off each other's rows."""

    pk = models.CompositePrimaryKey("source_id", "outcome", "slot")
    source_id = models.UUIDField()
    outcome = models.CharField(max_length=12)  # accepted, stored, duplicates, rejected, suppressed, denied
    slot = models.SmallIntegerField()
    n = models.BigIntegerField()


class Rejection(models.Model):
    """An event that could not be taken, kept sealed with its reason until `expires_at`; can be replayed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source_id = models.UUIDField(db_index=True)
    reason = models.CharField(max_length=40)  # a code, documented in docs/ingestion.md
    field = models.CharField(max_length=60, blank=True)  # wire field names only
    sealed = models.BinaryField()
    at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)
    replayed_at = models.DateTimeField(null=True)
