"""Whose rows of matching are closed because the person refuses: found without reading all others."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("identity", "0004_quality"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="matchrow",
            index=models.Index(
                condition=models.Q(("sealed", None)), fields=["record_id"], name="identity_matchrow_refused"
            ),
        ),
    ]
