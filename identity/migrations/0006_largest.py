"""The profiles of most records, found without reading those of one."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("identity", "0005_refused"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="profile",
            index=models.Index(
                condition=models.Q(("records__gt", 1)), fields=["-records", "id"], name="identity_profile_largest"
            ),
        ),
    ]
