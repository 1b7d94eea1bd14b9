"""What the processes of an installation say of themselves."""

from django.db import models
from django.db.models.functions import Now


class Series(models.Model):
    """The sum of what all processes added to one part of one metric's series (`cdp.metrics.Sample`)."""

    pk = models.CompositePrimaryKey("name", "labels", "part")
    name = models.TextField()
    labels = models.TextField()  # a JSON list, in the order of the metric's label names
    part = models.TextField()
    n = models.FloatField()


class Process(models.Model):
    """A process that runs, or ran until `seen_at`."""

    class Kind(models.TextChoices):
        WEB = "web"
        PIPELINE = "pipeline"
        MEMBERSHIPS = "memberships"
        JOBS = "jobs"
        BEAT = "beat"

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=16, choices=Kind)
    host = models.CharField(max_length=64)
    pid = models.IntegerField()
    version = models.CharField(max_length=40)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now(), db_index=True)
    figures = models.JSONField(default=dict)  # memory_bytes, cpu_seconds, threads, vault_keys
