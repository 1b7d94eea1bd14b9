"""The profiles that changed since a moment, by block ranges: it is small, and leaves writes as they are."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("identity", "0006_largest"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="profile",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["updated_at"], name="identity_profile_updated", pages_per_range=16
            ),
        ),
    ]
