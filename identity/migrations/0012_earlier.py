"""The answer that another one replaced, so that undoing is as deep as answering."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0011_joined"),
    ]

    operations = [
        migrations.AddField(model_name="review", name="earlier", field=models.JSONField(null=True)),
    ]
