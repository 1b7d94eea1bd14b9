"""What is wrong with the installation, since when, and what to do about it. No personal data: sources, machines, counts."""

from django.conf import settings
from django.db import models
from django.utils.safestring import SafeString

from cdp.alerts.kinds import KINDS
from cdp.ids import uuid7


class Alerts(models.QuerySet["Alert"]):
    """Reads that chain."""

    def opened(self) -> "Alerts":
        """Those that anybody should hear of: conditions that lasted."""
        return self.exclude(opened_at=None)

    def open(self) -> "Alerts":
        """Those that are true now."""
        return self.opened().filter(closed_at=None)


class Alert(models.Model):
    """A condition that should not be. It is opened once it has lasted for as long as its kind says, and closed as soon as
    it is over."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20)  # a key of KINDS
    about = models.CharField(max_length=64, blank=True)  # a source's id, a machine, a kind of process
    label = models.CharField(max_length=64, blank=True)  # what people call it
    what = models.CharField(max_length=300)
    since = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    told_open_at = models.DateTimeField(null=True)
    told_closed_at = models.DateTimeField(null=True)

    objects = Alerts.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "about"], condition=models.Q(closed_at=None), name="alerts_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.label}" if self.label else self.title

    @property
    def title(self) -> str:
        """Its kind in words."""
        return KINDS[self.kind].title if self.kind in KINDS else self.kind

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return KINDS[self.kind].remedy if self.kind in KINDS else ""

    @property
    def severity(self) -> str:
        """critical (data waits or may be lost) or warning."""
        return KINDS[self.kind].severity if self.kind in KINDS else "warning"

    @property
    def tone(self) -> SafeString:
        """The CSS class of its colour."""
        return SafeString("tone-bad" if self.severity == "critical" else "tone-warn")


class Subscriber(models.Model):
    """Somebody who wants an e-mail when an alert opens or closes."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
