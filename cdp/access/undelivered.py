"""What has to do with mails that have not gone yet (models in a file of their own, since `models.py` is about keys and rates)."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import models

LASTING = timedelta(days=1)
PAUSE = timedelta(minutes=1)


class Resets(models.QuerySet["Reset"]):
    """Reads that chain."""

    def due(self, *, at: datetime, since: datetime) -> "Resets":
        """Those asked for since then whose mail is to be tried now."""
        pausing = models.Q(tried_at__gt=at - PAUSE)
        return self.filter(asked_at__gt=since, user__is_active=True).exclude(pausing).order_by("asked_at")


class Reset(models.Model):
    """Somebody asked for a new password, and the mail with the link has not gone yet."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    asked_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)

    objects = Resets.as_manager()


class Failure(models.Model):
    """The last mail could not be sent, and why; no row after one that could. At most one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    failed_at = models.DateTimeField()
    reason = models.CharField(max_length=300)  # without address and content

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="access_failure_one_row")]

    @property
    def pausing_until(self) -> datetime:
        """Before this the server is not asked again: one that is away takes ten seconds to say nothing, and one that refuses a
        password locks whoever repeats it."""
        return self.failed_at + PAUSE
