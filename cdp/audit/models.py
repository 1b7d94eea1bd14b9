"""The audit trail: a pending queue that business transactions write, and the append-only log behind it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Pending(models.Model):
    """An entry in its business transaction, waiting for the sequencer."""

    id = models.BigAutoField(primary_key=True)
    entry = models.JSONField()
    sealed = models.BinaryField(null=True)  # the free-text reason
    at = models.DateTimeField(db_default=Now())


class Entry(models.Model):
    """One line of the log. Plain ids and no foreign keys: an entry outlives what it speaks of.

    Only the sequencer appends; migration 0002 refuses every change by trigger and takes the rights to it away."""

    sequence = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField()  # given when it was made, before it had a number; binds the sealed reason
    at = models.DateTimeField()
    actor_kind = models.TextField()  # user, key, system
    actor_id = models.TextField()
    role = models.TextField(default="")
    on_behalf_of = models.TextField(default="")
    action = models.TextField()  # room.verb, such as profile.read, consent.record, segment.change
    object_type = models.TextField(default="")
    object_id = models.TextField(default="")
    subjects = ArrayField(models.BinaryField(), default=list)  # commitments, salted from the subject's vault key
    fields = ArrayField(models.TextField(), default=list)
    purpose = models.TextField(default="")
    basis = models.TextField(default="")
    reason_sealed = models.BinaryField(null=True)
    outcome = models.TextField()  # success, denied, error
    rows = models.IntegerField(default=1)
    request_id = models.TextField(default="")
    client = models.TextField(default="")
    details = models.JSONField(default=dict)  # counts and ids only

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["-at"]),
            models.Index(fields=["object_type", "object_id", "-at"]),
            models.Index(fields=["actor_id", "-at"]),
            models.Index(fields=["action", "-at"]),
        ]
