"""Runs of connectors: how far they came, what could not be read."""

from django.db import models
from django.db.models.functions import Now

from cdp.ids import uuid7


class Run(models.Model):
    """One import of one file. `position` is the checkpoint: rows before it are accepted for good."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source_id = models.UUIDField(db_index=True)
    fingerprint = models.UUIDField()  # keyed digest of source, mapping and file contents: the same import resumes
    label_sealed = models.BinaryField()  # the file's name: it may name a person
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    problem = models.CharField(max_length=60, blank=True)  # why it failed: a code
    total = models.BigIntegerField(null=True)  # rows, where the format tells
    position = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    # Rows taken with a telephone number that is none by the region of the source: it finds and links nobody.
    unread_phones = models.BigIntegerField(default=0, db_default=0)
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["source_id", "fingerprint"])]

    def __str__(self) -> str:
        return f"run {self.id}"


class RowError(models.Model):
    """A row that could not become an event: its number, the column and the reason. No value."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="errors")
    row = models.BigIntegerField()  # from 1, the header not counted
    column = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "row"], name="connectors_rowerror_once")]
