"""Who may look: service accounts with API keys. People are Django users; their roles are groups (`roles.py`)."""

from datetime import datetime
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from cdp.access import scopes
from cdp.access.invitation import Invitation
from cdp.access.undelivered import Failure, Reset
from cdp.ids import uuid7

__all__ = ["ApiKey", "Failure", "Invitation", "KeptAnswer", "Reset"]


class ApiKeys(models.QuerySet["ApiKey"]):
    """Reads that chain."""

    def live(self, *, at: datetime) -> "ApiKeys":
        """Keys that open doors at that moment."""
        return self.filter(revoked_at=None).filter(models.Q(expires_at=None) | models.Q(expires_at__gt=at))


class ApiKey(models.Model):
    """A service account's key. Only the SHA-256 of its 256 random bits is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, help_text="The system that uses it. No person's name.")
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    hash = models.BinaryField(unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    source_ids = ArrayField(models.UUIDField(), default=list, blank=True, help_text="Only these sources; empty: all.")
    purpose = models.CharField(max_length=60, default="operate", help_text="The purpose this system reads for.")
    rate = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="Its own rate limit: 100/s, 600/m, 5000/d, or none; empty: the installation's.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_by = models.CharField(max_length=80, editable=False)  # "user:7", "system:create_key": no foreign key
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    replaced_by = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, editable=False, related_name="replaces"
    )

    objects = ApiKeys.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def is_live(self, *, at: datetime) -> bool:
        """Does it open doors at that moment?"""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def holds(self, scope: str) -> bool:
        """Does one of its scopes open a door that wants this one?"""
        return scopes.any_grants(self.scopes, scope)

    @property
    def reveal(self) -> bool:
        """May it see identifying values in clear?"""
        return self.holds("profiles:reveal")

    def allows_source(self, source_id: UUID) -> bool:
        """Is the source within the key's limits?"""
        return not self.source_ids or source_id in self.source_ids


class KeptAnswer(models.Model):
    """The answer to a change that was sent with an `Idempotency-Key` (`idempotency.py`), for whoever sends it again."""

    digest = models.UUIDField(primary_key=True, help_text="Keyed digest of caller and key.")
    sealed = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.digest)
