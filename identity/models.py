"""Who is who: records, their evidence, links between them, and profiles (clusters) with golden records."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Now

from cdp.ids import uuid7


class Record(models.Model):
    """What one source says of one external id. The unit of sealing: its data key has the same id in the vault."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source_id = models.UUIDField()
    key_kind = models.SmallIntegerField()  # KINDS code: user_id, anonymous_id, row
    key_digest = models.UUIDField()  # blind index of the strongest external id
    profile_id = models.UUIDField(null=True, db_index=True)
    # {trait: [value, "2026-01-31T12:00:00.000000Z"]}: declared facts, latest by time observed (ties: greater value)
    facts = models.JSONField(default=dict)
    sealed = models.BinaryField(
        null=True
    )  # the same shape for identifying and undeclared traits, under the record's key
    attributes = ArrayField(
        models.TextField(), default=list
    )  # names of the declared identifying traits inside `sealed`
    # What a steward typed about the person, kept with this record: {trait: [value, when]}, under the record's key. Whoever
    # writes a record anew leaves it alone.
    manual = models.BinaryField(null=True)
    first_seen = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source_id", "key_digest"], name="identity_record_once")]


class Evidence(models.Model):
    """An identifier seen on a record: the digest finds it, the sealed value shows it."""

    id = models.BigAutoField(primary_key=True)
    record = models.ForeignKey(Record, on_delete=models.CASCADE)
    kind = models.SmallIntegerField()
    digest = models.UUIDField()
    sealed = models.BinaryField()
    first_seen = models.DateTimeField()

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [models.UniqueConstraint(fields=["record", "kind", "digest"], name="identity_evidence_once")]
        indexes = [models.Index(fields=["digest", "kind"])]


class RetiredValue(models.Model):
    """An identifier value that links nobody: junk by list, or shared by more records than its kind allows."""

    digest = models.UUIDField(primary_key=True)  # keyed by kind, so that it says the kind too
    kind = models.SmallIntegerField()
    reason = models.CharField(max_length=20)  # junk, shared
    holders = models.IntegerField()
    at = models.DateTimeField(db_default=Now())


class Link(models.Model):
    """A reason that two records are one person. left < right."""

    id = models.BigAutoField(primary_key=True)
    left = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="+")
    rule = models.CharField(max_length=30)  # same_user_id, same_email ...; "similar": by the matching model
    kind = models.SmallIntegerField()  # of the shared identifier; 0 for "similar"
    digest = models.UUIDField(null=True)
    weight = models.FloatField()  # bits
    probability = models.FloatField(
        null=True
    )  # of the rule "similar": that the two are one person, by the model in force
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["digest"]),
            models.Index(fields=["probability"], condition=models.Q(rule="similar"), name="identity_link_unsure"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["left", "right", "rule", "digest"], name="identity_link_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(left__lt=models.F("right")), name="identity_link_ordered"),
        ]


class Constraint(models.Model):
    """What a person decided about two records. Outlives every re-run."""

    class Verdict(models.TextChoices):
        MUST_LINK = "must_link"
        CANNOT_LINK = "cannot_link"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    left_id = models.UUIDField()  # left < right; plain ids, for a decision outlives a re-import of its records
    right_id = models.UUIDField(db_index=True)
    verdict = models.CharField(max_length=12, choices=Verdict)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["verdict", "-at"], name="identity_constraint_latest")]
        constraints = [models.UniqueConstraint(fields=["left_id", "right_id"], name="identity_constraint_once")]


class Profile(models.Model):
    """A cluster of records: one person. Everything here is derived from the records."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    facts = models.JSONField(default=dict)  # golden facts {trait: value}, for rules and SQL
    # {trait: {"record": id, "rule": survivorship rule, "at": time observed}} for facts and identifying traits alike:
    # an identifying value itself is read from that record, under that record's key.
    provenance = models.JSONField(default=dict)
    records = models.IntegerField(default=1)
    founder = models.UUIDField(null=True)  # the record this profile began with: where its id belongs after a split
    version = models.BigIntegerField(default=1)  # ETag
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            # Most profiles are of one record, and have no part in it.
            models.Index(fields=["-records", "id"], name="identity_profile_largest", condition=models.Q(records__gt=1)),
            # By block ranges: each change of a profile moves this time, and such an index leaves it a change within its page.
            BrinIndex(fields=["updated_at"], name="identity_profile_updated", autosummarize=True, pages_per_range=16),
        ]


class Redirect(models.Model):
    """The id of a profile that was merged away answers for ever."""

    old_id = models.UUIDField(primary_key=True)
    new_id = models.UUIDField(db_index=True)
    founder = models.UUIDField(null=True, db_index=True)  # the record the old profile began with
    at = models.DateTimeField(db_default=Now())


class Merge(models.Model):
    """History of merges and splits, one row an act."""

    class Kind(models.TextChoices):
        MERGED = "merged"
        SPLIT = "split"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    profile_id = models.UUIDField(db_index=True)  # the survivor, or the profile that was split
    others = ArrayField(models.UUIDField())
    records = ArrayField(models.UUIDField())  # those that moved
    because = models.JSONField(default=dict)  # rule counts, constraint ids; nothing personal
    actor = models.CharField(max_length=80)
    undone_at = models.DateTimeField(null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            GinIndex(fields=["others"], name="identity_merge_others"),
            # The acts of one decision. What the flow does stands on none.
            models.Index(
                KeyTransform("decision", "because"),
                name="identity_merge_decision",
                condition=models.Q(because__decision__isnull=False),
            ),
        ]


class AttributeRule(models.Model):
    """How one attribute's golden value is chosen, from this version on; the highest version of a trait counts. Without steps:
    as it was before anybody chose. Also the job that brings stored golden records up to date with it: how far it came."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    trait = models.CharField(max_length=200)  # declared, so it may stand in clear
    version = models.PositiveIntegerField()
    steps = ArrayField(models.CharField(max_length=20), default=list)
    sources = ArrayField(models.UUIDField(), default=list)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField(db_default=Now())
    total = models.BigIntegerField(null=True)  # profiles of several records when the job began
    position = models.UUIDField(null=True)  # the last profile that was looked at
    looked_at = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "rule of survivorship"
        verbose_name_plural = "survivorship"
        constraints = [models.UniqueConstraint(fields=["trait", "version"], name="identity_attributerule_once")]

    def __str__(self) -> str:
        return f"{self.trait}, version {self.version}"


class MatchModel(models.Model):
    """A version of the matching model, and the job that was done on it last: how far it came."""

    class State(models.TextChoices):
        TRAINING = "training"
        FAILED = "failed"
        TRAINED = "trained"
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(unique=True)
    # The model as JSON, under the installation's key "matching". It holds hashes of frequent values, never of rare ones.
    sealed = models.BinaryField(null=True)
    summary = models.JSONField(default=dict)  # nothing personal: levels with m and u, prior, estimates, blocking rules
    state = models.CharField(max_length=10, choices=State, default=State.TRAINING)
    threshold = models.FloatField(default=1.0)  # two records are joined from this probability on
    review_from = models.FloatField(default=1.0)  # a steward is asked from this one on
    comparison = models.JSONField(null=True)  # what switching to it would change; profile ids, nothing personal
    trained_at = models.DateTimeField(null=True)
    trained_on = models.IntegerField(default=0)  # records
    activated_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=80)
    job = models.CharField(max_length=10, default="")  # train, compare, activate, withdraw; "" when none is under way
    total = models.BigIntegerField(null=True)
    looked_at = models.BigIntegerField(default=0)
    position = models.UUIDField(null=True)  # the last record that was scored anew
    error = models.CharField(max_length=200, blank=True, default="")  # why the job ended; names nobody

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="identity_matchmodel_one_active"
            )
        ]

    def __str__(self) -> str:
        return f"version {self.version}"


class MatchRow(models.Model):
    """What of a record is compared: its prepared values, and under which blocking keys it is found."""

    record_id = models.UUIDField(primary_key=True)
    sealed = models.BinaryField(
        null=True
    )  # {field: [spellings]}, under the record's key; null where the person refuses
    keys = ArrayField(models.BigIntegerField(), default=list)  # sorted
    model_version = models.IntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["record_id"], name="identity_matchrow_refused", condition=models.Q(sealed=None))
        ]


class MatchKey(models.Model):
    """A blocking key that a record has: the first 64 bits of a keyed digest."""

    pk = models.CompositePrimaryKey("key", "record_id")
    key = models.BigIntegerField()
    record_id = models.UUIDField()


class RetiredKey(models.Model):
    """A blocking key that more records have than are looked at: they meet under finer keys instead."""

    key = models.BigIntegerField(primary_key=True)
    n = models.IntegerField()  # how many records have it


class Review(models.Model):
    """A question to a steward: are these two records one person? left < right."""

    class State(models.TextChoices):
        OPEN = "open"
        SAME = "same"
        DIFFERENT = "different"
        UNSURE = "unsure"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    left_id = models.UUIDField()
    right_id = models.UUIDField(db_index=True)
    probability = models.FloatField()
    bits = models.FloatField()
    reason = models.CharField(max_length=12)  # near_even, bridge, guard, suspect; sample, asked: by a steward
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.CharField(max_length=80, default="")
    decided_at = models.DateTimeField(null=True)
    batch = models.UUIDField(null=True)  # answers given together
    before = models.JSONField(
        default=list, db_default=[]
    )  # [left, right, verdict or null]: what the answer's decisions replaced
    earlier = models.JSONField(null=True)  # the answer that this one replaced: {state, by, at, batch, before, earlier}
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["state", "probability"], name="identity_review_queue")]
        constraints = [
            models.UniqueConstraint(fields=["left_id", "right_id"], name="identity_review_once"),
            models.CheckConstraint(
                condition=models.Q(left_id__lt=models.F("right_id")), name="identity_review_ordered"
            ),
        ]


class QualityScan(models.Model):
    """One look over profiles for what may be wrong with them, and the figures of that moment. A look that was stopped goes on."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    began_at = models.DateTimeField()
    since = models.DateTimeField(null=True)  # only profiles changed since; null: all
    position = models.UUIDField(null=True)  # the last profile that was looked at
    looked_at = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)  # profiles, records, links, similar, suspects, open; nothing personal
    ended_at = models.DateTimeField(null=True, db_index=True)


class Suspect(models.Model):
    """A profile that may be more than one person, by the last look. Derived of its records."""

    profile_id = models.UUIDField(primary_key=True)
    reasons = models.JSONField(default=dict)  # what does not go together -> how many; nothing personal
    weight = models.FloatField(db_index=True)  # log2 of the odds that it is two people
    left_id = models.UUIDField(null=True)  # the two records to ask about first
    right_id = models.UUIDField(null=True)
    # What brought the two sides together: {"rules": {rule: links}, "by": [who decided]}; nothing personal
    joined = models.JSONField(default=dict, db_default={})
    cleared_by = models.CharField(
        max_length=80, default=""
    )  # a steward looked: it is one person. Until the reasons change.
    at = models.DateTimeField()
