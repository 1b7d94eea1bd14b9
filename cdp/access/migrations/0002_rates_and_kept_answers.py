# A constant default adds the column without rewriting the table.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "digest",
                    models.UUIDField(help_text="Keyed digest of caller and key.", primary_key=True, serialize=False),
                ),
                ("sealed", models.BinaryField()),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="rate",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Its own rate limit: 100/s, 600/m, 5000/d, or none; empty: the installation's.",
                max_length=20,
            ),
        ),
    ]
