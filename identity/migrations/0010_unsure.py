"""The least sure links by likeness, and the latest decisions, for the quality page."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("identity", "0009_decision"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="link",
            index=models.Index(
                fields=["probability"], condition=models.Q(("rule", "similar")), name="identity_link_unsure"
            ),
        ),
        AddIndexConcurrently(
            model_name="constraint",
            index=models.Index(fields=["verdict", "-at"], name="identity_constraint_latest"),
        ),
    ]
