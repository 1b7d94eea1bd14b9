"""Models of matching, what is compared of each record, its blocking keys, questions to stewards. New tables; a nullable column
rewrites none."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

import cdp.ids


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0002_survivorship"),
    ]

    operations = [
        migrations.CreateModel(
            name="MatchKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key", "record_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.BigIntegerField()),
                ("record_id", models.UUIDField()),
            ],
        ),
        migrations.CreateModel(
            name="MatchRow",
            fields=[
                ("record_id", models.UUIDField(primary_key=True, serialize=False)),
                ("sealed", models.BinaryField(null=True)),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("model_version", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="RetiredKey",
            fields=[
                ("key", models.BigIntegerField(primary_key=True, serialize=False)),
                ("n", models.IntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="link",
            name="probability",
            field=models.FloatField(null=True),
        ),
        migrations.CreateModel(
            name="MatchModel",
            fields=[
                ("id", models.UUIDField(default=cdp.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(unique=True)),
                ("sealed", models.BinaryField(null=True)),
                ("summary", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("training", "Training"),
                            ("failed", "Failed"),
                            ("trained", "Trained"),
                            ("active", "Active"),
                            ("retired", "Retired"),
                        ],
                        default="training",
                        max_length=10,
                    ),
                ),
                ("threshold", models.FloatField(default=1.0)),
                ("review_from", models.FloatField(default=1.0)),
                ("comparison", models.JSONField(null=True)),
                ("trained_at", models.DateTimeField(null=True)),
                ("trained_on", models.IntegerField(default=0)),
                ("activated_at", models.DateTimeField(null=True)),
                ("actor", models.CharField(max_length=80)),
                ("job", models.CharField(default="", max_length=10)),
                ("total", models.BigIntegerField(null=True)),
                ("looked_at", models.BigIntegerField(default=0)),
                ("position", models.UUIDField(null=True)),
                ("error", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "active")),
                        fields=("state",),
                        name="identity_matchmodel_one_active",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.UUIDField(default=cdp.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("left_id", models.UUIDField()),
                ("right_id", models.UUIDField(db_index=True)),
                ("probability", models.FloatField()),
                ("bits", models.FloatField()),
                ("reason", models.CharField(max_length=12)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("same", "Same"), ("different", "Different"), ("unsure", "Unsure")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("decided_by", models.CharField(default="", max_length=80)),
                ("decided_at", models.DateTimeField(null=True)),
                ("batch", models.UUIDField(null=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["state", "probability"], name="identity_review_queue")],
                "constraints": [
                    models.UniqueConstraint(fields=("left_id", "right_id"), name="identity_review_once"),
                    models.CheckConstraint(
                        condition=models.Q(("left_id__lt", models.F("right_id"))), name="identity_review_ordered"
                    ),
                ],
            },
        ),
    ]
