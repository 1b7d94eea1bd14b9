"""What every arriving field means: its type, its class of data, its purposes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from cdp.ids import uuid7


class Field(models.Model):
    """A trait of a person or of a group, a property, context key or event name. Its name stands in clear only once a person
    (or the built-in list of the wire's own names) has declared it: a key can be personal data too."""

    class Scope(models.TextChoices):
        TRAIT = "trait"
        GROUP = "group"  # a trait of a company, household or team
        PROPERTY = "property"
        CONTEXT = "context"
        EVENT = "event"  # the name of a track, page or screen call

    class DataClass(models.TextChoices):
        IDENTIFYING = "identifying"
        FACT = "fact"
        UNDECLARED = "undeclared"

    class Type(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"
        BOOLEAN = "boolean"
        DATE = "date"
        DATETIME = "datetime"
        LIST = "list"  # of texts
        NAME = "name"  # scope event

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=10, choices=Scope)
    digest = models.UUIDField(editable=False)  # keyed digest of scope and path
    name = models.CharField(max_length=200, blank=True)  # path: "a.b", "products[].price"; empty while undeclared
    sealed_name = models.BinaryField(null=True, editable=False)
    type = models.CharField(max_length=10, choices=Type, default=Type.TEXT)
    data_class = models.CharField(max_length=12, choices=DataClass, default=DataClass.UNDECLARED)
    identifier = models.CharField(max_length=30, blank=True)  # evidence kind that this trait carries, such as "email"
    purposes = ArrayField(models.TextField(), default=list, blank=True)
    seen = models.BigIntegerField(default=0, editable=False)
    shape = models.JSONField(default=dict, editable=False)  # counts by JSON type and distinct-value sketch: no values
    first_seen = models.DateTimeField(null=True, editable=False)
    last_seen = models.DateTimeField(null=True, editable=False)
    declared_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "digest"], name="catalogue_field_once")]
        indexes = [
            models.Index(fields=["scope"], name="catalogue_undeclared", condition=models.Q(data_class="undeclared"))
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.name or '(undeclared)'}"


class Version(models.Model):
    """One row that every declaration raises, so that processes know when their snapshot is stale."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=1)


class Overflow(models.Model):
    """Undeclared keys that were not listed because their scope already has as many as are kept."""

    scope = models.CharField(max_length=10, primary_key=True)
    keys = models.BigIntegerField(default=0)
    last_seen = models.DateTimeField()
