"""Who belongs: rules, live memberships, their history, and when time alone may change them."""

from django.db import models
from django.db.models.functions import Now
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from cdp.ids import uuid7


class Segment(models.Model):
    """A named rule over facts. Its purpose decides who may be listed."""

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.DYNAMIC)
    rule = models.JSONField()
    purpose = models.CharField(max_length=60, default="operate")
    enabled = models.BooleanField(default=True)
    version = models.BigIntegerField(default=1)
    built_at = models.DateTimeField(null=True, editable=False)  # last set-based build of this version
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class SegmentUserObjectPermission(UserObjectPermissionBase):
    """A right of one user on one segment."""

    content_object = models.ForeignKey(Segment, on_delete=models.CASCADE)


class SegmentGroupObjectPermission(GroupObjectPermissionBase):
    """A right of one role or team on one segment."""

    content_object = models.ForeignKey(Segment, on_delete=models.CASCADE)


class Membership(models.Model):
    """The latest evaluation of a rule for a profile: kept for members, and for non-members whom time alone may let in.

    Consent is not part of it: a member without permission for the segment's purpose is withheld at read."""

    pk = models.CompositePrimaryKey("segment_id", "profile_id")
    segment_id = models.UUIDField()
    profile_id = models.UUIDField(db_index=True)
    member = models.BooleanField()
    entered_at = models.DateTimeField(null=True)
    flips_at = models.DateTimeField(null=True)  # the earliest moment at which time alone could change `member`

    class Meta:
        indexes = [
            models.Index(fields=["flips_at"], condition=models.Q(flips_at__isnull=False), name="segments_wakeup"),
            models.Index(fields=["segment_id", "profile_id"], condition=models.Q(member=True), name="segments_listed"),
        ]


class Follower(models.Model):
    """Who follows live, and when it was last heard of: one row."""

    id = models.SmallIntegerField(primary_key=True)
    holder = models.UUIDField()
    seen_at = models.DateTimeField()


class Stay(models.Model):
    """History: one row per stay in a segment."""

    id = models.BigAutoField(primary_key=True)
    segment_id = models.UUIDField()
    profile_id = models.UUIDField()
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile_id", "segment_id"], condition=models.Q(left_at=None), name="segments_one_open_stay"
            )
        ]
        indexes = [
            models.Index(fields=["profile_id", "segment_id"]),
            models.Index(fields=["segment_id", "entered_at"]),
            models.Index(fields=["segment_id", "left_at"]),
        ]
