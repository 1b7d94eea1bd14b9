"""Where data comes from, and under which purposes and legal bases."""

from django.db import models
from django.db.models.functions import Now
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from cdp.ids import uuid7


class Source(models.Model):
    """A system that sends us data. `purposes` is a list of {"purpose": key, "basis": legal basis}."""

    class Kind(models.TextChoices):
        HTTP = "http"
        FILE = "file"
        STEWARD = "steward"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(unique=True, max_length=60)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.HTTP)
    purposes = models.JSONField(default=list)
    priority = models.SmallIntegerField(default=50, help_text="Survivorship: a higher number wins.")
    region = models.CharField(max_length=2, blank=True, help_text="How phone numbers without country code are read.")
    # The namespace of userId: sources with the same namespace speak of the same user ids.
    namespace = models.SlugField(default="main", max_length=60)
    enabled = models.BooleanField(default=True)
    quiet_after = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Minutes without an event after which it counts as quiet. Empty: learned from its usual rhythm.",
    )
    muted = models.BooleanField(default=False, db_default=False, help_text="No alerts about this source.")
    key_prefix = models.CharField(max_length=12, blank=True, editable=False)
    key_hash = models.BinaryField(unique=True, null=True, editable=False)  # SHA-256 of a 256-bit random write key
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class Heard(models.Model):
    """What was last known of a source's counts, and when they last moved."""

    source = models.OneToOneField(Source, on_delete=models.CASCADE, primary_key=True)
    accepted = models.BigIntegerField()
    rejected = models.BigIntegerField()
    last_at = models.DateTimeField(null=True)  # when `accepted` was last seen to rise
    looked_at = models.DateTimeField()


class HeardHour(models.Model):
    """What came from a source in an hour, for its rhythm (`rhythm.Hour`). Kept for four weeks."""

    pk = models.CompositePrimaryKey("source", "at")
    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    at = models.DateTimeField()
    heard = models.BigIntegerField()
    rejected = models.BigIntegerField(default=0)
    gap = models.FloatField(default=0)


class SourceUserObjectPermission(UserObjectPermissionBase):
    """A person's right on one source. A direct foreign key: guardian's generic table gets slow."""

    content_object = models.ForeignKey(Source, on_delete=models.CASCADE)


class SourceGroupObjectPermission(GroupObjectPermissionBase):
    """A role's right on one source."""

    content_object = models.ForeignKey(Source, on_delete=models.CASCADE)
