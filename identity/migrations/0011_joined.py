"""What brought a suspect's two sides together."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0010_unsure"),
    ]

    operations = [
        migrations.AddField(model_name="suspect", name="joined", field=models.JSONField(db_default={}, default=dict)),
    ]
