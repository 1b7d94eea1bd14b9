"""The model of an invitation (in a file of its own, since `models.py` is about keys and rates)."""

from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models

from cdp.ids import uuid7


class Invitations(models.QuerySet["Invitation"]):
    """Reads that chain."""

    def live(self, *, at: datetime) -> "Invitations":
        """Those that somebody can still accept."""
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=at)


class Invitation(models.Model):
    """A colleague who was asked to join, with which roles. Of the link's 256 random bits only the SHA-256 is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(help_text="A colleague's. It becomes the name they sign in with.")
    roles = ArrayField(models.CharField(max_length=20))
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.CharField(max_length=80, editable=False)  # "user:7", "system:create_user": no foreign key
    sent_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, editable=False)

    objects = Invitations.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.functions.Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="access_invitation_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    def state(self, *, at: datetime) -> str:
        """In a word, what it is now."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "open" if at < self.expires_at else "expired"
