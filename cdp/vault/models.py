"""The vault's own database: epochs, and keys wrapped under them. No key is here in clear."""

from django.db import models
from django.db.models.functions import Now


class Epoch(models.Model):
    """One key-encryption key (KEK) at the provider. Destroying it shreds all that is still wrapped under it."""

    number = models.IntegerField(primary_key=True)
    provider = models.TextField()
    key_id = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    destroyed_at = models.DateTimeField(null=True)


class DataKey(models.Model):
    """The data key (DEK) of one record, wrapped under an epoch's KEK."""

    record_id = models.UUIDField(primary_key=True)
    epoch = models.IntegerField()
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())


class SystemKey(models.Model):
    """A named key of the installation: blind indexes, the inbox key of a day, rejections, catalogue names."""

    name = models.TextField()
    version = models.IntegerField(default=1)
    epoch = models.IntegerField()
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="vault_system_key_once")]
