"""What changed, for the pipeline to bring up to date; and what must be told onward."""

from django.db import models
from django.db.models.functions import Now


class Change(models.Model):
    """A profile (cluster of records) whose derived state may have moved, or a record that something happened to: which
    profile has it is asked when the change is drained. Deleted by whoever drains it."""

    id = models.BigAutoField(primary_key=True)
    profile_id = models.UUIDField(null=True)
    record_id = models.UUIDField(null=True)
    event = models.UUIDField(null=True)  # digest of the event's name
    reason = models.TextField()
    at = models.DateTimeField(db_default=Now())


class Message(models.Model):
    """A fact to be told to destinations: ids and keys only, never a personal value."""

    id = models.BigAutoField(primary_key=True)
    topic = models.TextField()
    key = models.UUIDField()
    payload = models.JSONField()
    at = models.DateTimeField(db_default=Now())
