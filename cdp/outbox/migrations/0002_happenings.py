"""Events that rules listen to come with their facts, in a queue of their own.

What waits in the old queue without a profile is dropped: `rebuild segments` brings those memberships up to date."""

import django.db.models.functions.datetime
from django.db import migrations, models

# Queues: rows are written once, never updated, and deleted within a second.
TUNE = """
ALTER TABLE {table} SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000)
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.RunSQL("DELETE FROM outbox_change WHERE profile_id IS NULL", migrations.RunSQL.noop),
        migrations.RemoveField("change", "record_id"),
        migrations.RemoveField("change", "event"),
        migrations.AlterField("change", "profile_id", models.UUIDField()),
        migrations.CreateModel(
            name="Happening",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("record_id", models.UUIDField(db_index=True)),
                ("event", models.UUIDField()),
                ("occurred", models.BigIntegerField()),
                ("facts", models.TextField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.RunSQL(TUNE.format(table="outbox_change"), migrations.RunSQL.noop),
        migrations.RunSQL(TUNE.format(table="outbox_happening"), migrations.RunSQL.noop),
    ]
