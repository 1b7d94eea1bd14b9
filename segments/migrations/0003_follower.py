"""One row says who follows live."""

from django.db import migrations, models

ROW = "INSERT INTO segments_follower VALUES (1, '00000000-0000-0000-0000-000000000000', '-infinity')"
# Updated all the time: room on the page keeps the updates heap-only.
TUNE = """
ALTER TABLE segments_follower SET (
  fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_stay_left")]

    operations = [
        migrations.CreateModel(
            name="Follower",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("holder", models.UUIDField()),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(TUNE, migrations.RunSQL.noop),
        migrations.RunSQL(ROW, migrations.RunSQL.noop),
    ]
