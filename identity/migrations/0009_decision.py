"""The acts of one decision, which are undone together."""

import django.db.models.fields.json
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("identity", "0008_merged_away"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="merge",
            index=models.Index(
                django.db.models.fields.json.KeyTransform("decision", "because"),
                condition=models.Q(("because__decision__isnull", False)),
                name="identity_merge_decision",
            ),
        ),
    ]
