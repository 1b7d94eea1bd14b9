"""A group is found by the name of its key: a restore erases again what had been sealed under a destroyed one."""

from django.db import migrations, models

import cdp.ids


class Migration(migrations.Migration):
    dependencies = [("groups", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="group", name="key_id", field=models.UUIDField(default=cdp.ids.uuid7, unique=True)
        ),
    ]
