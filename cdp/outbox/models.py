"""What changed and what happened, for memberships to be brought up to date; and what must be told onward."""

from django.db import models
from django.db.models.functions import Now


class Change(models.Model):
    """A profile (cluster of records) whose derived state may have moved. Deleted by whoever drains it."""

    id = models.BigAutoField(primary_key=True)
    profile_id = models.UUIDField()
    reason = models.TextField()
    at = models.DateTimeField(db_default=Now())


class Happening(models.Model):
    """A stored event that a rule listens to, with the facts that rules read: so that who keeps a person's past in memory
    need not read it again. Which profile has the record is asked when it is drained. Deleted by whoever drains it."""

    id = models.BigAutoField(primary_key=True)
    record_id = models.UUIDField(db_index=True)
    event = models.UUIDField()  # digest of the event's name
    occurred = models.BigIntegerField()  # microseconds since 1970-01-01 UTC
    facts = models.TextField()  # JSON
    at = models.DateTimeField(db_default=Now())  # when it was accepted


class Message(models.Model):
    """A fact to be told to destinations: ids and keys only, never a personal value."""

    id = models.BigAutoField(primary_key=True)
    topic = models.TextField()
    key = models.UUIDField()
    payload = models.JSONField()
    at = models.DateTimeField(db_default=Now())
