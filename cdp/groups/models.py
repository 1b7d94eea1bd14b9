"""Groups (companies, households, teams) that people belong to, as `group` calls say, and who their members are."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from cdp.ids import uuid7


class Group(models.Model):
    """One group id of one namespace of sources. All but ids is derived from what the members' records say of it.

    A group can be one person (a sole trader, a household named by an e-mail address), so it is sealed like one: under a key
    of its own, which is replaced whenever a member is erased."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.UUIDField(unique=True)  # blind index of namespace and groupId
    key_id = models.UUIDField(default=uuid7, unique=True)  # the name of its key in the vault
    sealed_id = models.BinaryField()  # the groupId as sent
    # What each source said last, {source: {trait: [value, time]}}: declared facts here, all the rest in `sealed`.
    said = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True)
    facts = models.JSONField(default=dict)  # golden facts {path: value}
    # {path: {"source": id, "rule": survivorship rule, "at": time observed}} of facts and declared identifying traits
    provenance = models.JSONField(default=dict)
    version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [GinIndex(fields=["facts"], name="groups_group_by_fact", opclasses=["jsonb_path_ops"])]


class Member(models.Model):
    """A record that said it belongs to a group, and what it said of the group: sealed under the record's key."""

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, db_index=False)
    record_id = models.UUIDField(db_index=True)
    source_id = models.UUIDField()
    facts = models.JSONField(default=dict)  # {trait: [value, time]}, the latest
    sealed = models.BinaryField(null=True)  # the same shape for all other traits
    first_seen = models.DateTimeField()  # the earliest and the latest call
    last_seen = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "record_id"], name="groups_member_once")]
