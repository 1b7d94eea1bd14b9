"""The one row that every declaration raises."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO catalogue_version (id, number) VALUES (1, 1) ON CONFLICT DO NOTHING;",
            "DELETE FROM catalogue_version;",
        )
    ]
