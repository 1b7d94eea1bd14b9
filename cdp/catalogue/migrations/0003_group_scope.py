"""Traits of groups are a scope of their own. Choices alone: nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_version")]

    operations = [
        migrations.AlterField(
            model_name="field",
            name="scope",
            field=models.CharField(
                choices=[
                    ("trait", "Trait"),
                    ("group", "Group"),
                    ("property", "Property"),
                    ("context", "Context"),
                    ("event", "Event"),
                ],
                max_length=10,
            ),
        ),
    ]
