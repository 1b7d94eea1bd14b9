"""Rules of survivorship by attribute, and values that stewards type. A new nullable column rewrites no table."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

import cdp.ids


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="record",
            name="manual",
            field=models.BinaryField(null=True),
        ),
        migrations.CreateModel(
            name="AttributeRule",
            fields=[
                ("id", models.UUIDField(default=cdp.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("trait", models.CharField(max_length=200)),
                ("version", models.PositiveIntegerField()),
                (
                    "steps",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), default=list, size=None
                    ),
                ),
                (
                    "sources",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                ("actor", models.CharField(max_length=80)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("total", models.BigIntegerField(null=True)),
                ("position", models.UUIDField(null=True)),
                ("looked_at", models.BigIntegerField(default=0)),
                ("changed", models.BigIntegerField(default=0)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "rule of survivorship",
                "verbose_name_plural": "survivorship",
                "constraints": [
                    models.UniqueConstraint(fields=("trait", "version"), name="identity_attributerule_once")
                ],
            },
        ),
    ]
