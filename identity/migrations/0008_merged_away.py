"""The acts that merged a profile away, for the history of its page."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("identity", "0007_updated"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="merge",
            index=django.contrib.postgres.indexes.GinIndex(fields=["others"], name="identity_merge_others"),
        ),
    ]
