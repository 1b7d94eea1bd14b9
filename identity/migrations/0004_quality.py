"""What a look over profiles found."""

from django.db import migrations, models

import cdp.ids


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_matching")]

    operations = [
        migrations.AddField(model_name="review", name="before", field=models.JSONField(default=list, db_default=[])),
        migrations.CreateModel(
            name="QualityScan",
            fields=[
                ("id", models.UUIDField(default=cdp.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("since", models.DateTimeField(null=True)),
                ("position", models.UUIDField(null=True)),
                ("looked_at", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("ended_at", models.DateTimeField(db_index=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Suspect",
            fields=[
                ("profile_id", models.UUIDField(primary_key=True, serialize=False)),
                ("reasons", models.JSONField(default=dict)),
                ("weight", models.FloatField(db_index=True)),
                ("left_id", models.UUIDField(null=True)),
                ("right_id", models.UUIDField(null=True)),
                ("cleared_by", models.CharField(default="", max_length=80)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
