"""What is allowed: purposes, notices, the ledger, parties, suppression. Keyed by blind digest, never by profile row."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from cdp.ids import uuid7


class Basis(models.TextChoices):
    """Legal bases of GDPR Art. 6(1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class Purpose(models.Model):
    """A purpose of processing. `basis` is what a reader relies on when it names none itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    basis = models.CharField(max_length=25, choices=Basis, default=Basis.CONSENT)
    opt_out_by_gpc = models.BooleanField(default=False, help_text="Sec-GPC: 1 withdraws this purpose.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.key


class Notice(models.Model):
    """The exact text that people were shown."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=60)
    version = models.CharField(max_length=40)
    language = models.CharField(max_length=10, default="en")
    text = models.TextField()
    text_hash = models.BinaryField(editable=False)  # SHA-256
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["purpose", "version", "language"], name="consent_notice_once")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version} ({self.language})"


class Status(models.TextChoices):
    """What an entry of the ledger says."""

    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    OBJECTED = "objected"  # Art. 21: also ends legitimate interests
    RESTRICTED = "restricted"  # Art. 18: ends every basis
    RELEASED = "released"  # lifts a restriction or an objection


class LedgerEntry(models.Model):
    """One statement about some digests and one purpose. Append-only (trigger and grants)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=60)  # "*" : every purpose (restriction)
    status = models.CharField(max_length=10, choices=Status)
    subjects = ArrayField(models.UUIDField())  # blind digests of the identifiers it was given under
    basis = models.CharField(max_length=25, choices=Basis, default=Basis.CONSENT)
    notice_version = models.CharField(max_length=40, blank=True)
    jurisdiction = models.CharField(max_length=10, blank=True)
    channel = models.CharField(max_length=40, blank=True)  # email, web, pos, phone ...
    method = models.CharField(max_length=40, blank=True)  # web_form, paper, gpc, double_opt_in ...
    evidence_sealed = models.BinaryField(null=True, editable=False)
    actor = models.CharField(max_length=80)
    source_id = models.UUIDField(null=True)
    effective_from = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())
    cause = models.UUIDField(unique=True)  # digest of what caused it: the same event twice is one statement

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["purpose", "-recorded_at"])]

    def __str__(self) -> str:
        return f"{self.purpose} {self.status}"


class Subject(models.Model):
    """Finds the entries of a digest."""

    pk = models.CompositePrimaryKey("digest", "entry_id")
    digest = models.UUIDField()
    entry_id = models.UUIDField()


class Party(models.Model):
    """Which digests are one person: from identity's merges and splits, kept with the time it was valid."""

    id = models.BigAutoField(primary_key=True)
    digest = models.UUIDField()
    party_id = models.UUIDField()  # the profile
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["digest"]), models.Index(fields=["party_id"])]
        constraints = [
            # One digest may be evidence of two persons (a family's phone): unique per pair, while valid.
            models.UniqueConstraint(
                fields=["digest", "party_id"], condition=models.Q(valid_to=None), name="consent_party_once"
            )
        ]


class State(models.Model):
    """The fold of a party's ledger for one purpose, over all of time: derived, so that segments can join it.

    `verdicts[n]` holds from `moments[n]` until the next moment (bits: `consent.rules.Bit`); before the first there is no
    entry. At a moment `at` it is `verdicts[width_bucket(at, moments)]`, so that no job has to run when a grant expires.
    The row of purpose "*" holds for each purpose that has no row of its own."""

    pk = models.CompositePrimaryKey("party_id", "purpose")
    party_id = models.UUIDField()
    purpose = models.CharField(max_length=60)
    moments = ArrayField(models.DateTimeField())
    verdicts = ArrayField(models.SmallIntegerField())


class Suppression(models.Model):
    """Erased or blocked identifiers, under a digest key of their own. Outlives erasure."""

    digest = models.UUIDField(primary_key=True)
    reason = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())
