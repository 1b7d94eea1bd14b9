"""Inbox, dedupe table, event store, counts and rejections.

`events_seen` is hash-partitioned (a unique key over a table partitioned by time could not dedupe without a time window);
`events_event` is partitioned by month, so that retention drops partitions.
"""

import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import cdp.ids

SEEN = """
CREATE TABLE events_seen (digest uuid PRIMARY KEY, month date NOT NULL) PARTITION BY HASH (digest);
DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format(
      'CREATE TABLE events_seen_%s PARTITION OF events_seen FOR VALUES WITH (MODULUS 16, REMAINDER %s)
       WITH (autovacuum_vacuum_insert_scale_factor = 0.5)',
      lpad(part::text, 2, '0'), part);
  END LOOP;
END $$;
"""

EVENT = """
CREATE TABLE events_event (
  id uuid NOT NULL,
  record_id uuid NOT NULL,
  source_id uuid NOT NULL,
  type smallint NOT NULL,
  name uuid,
  message uuid NOT NULL,
  occurred_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  facts jsonb NOT NULL,
  sealed bytea NOT NULL,
  PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
-- A ciphertext does not compress: do not try.
ALTER TABLE events_event ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX events_event_by_name ON events_event (record_id, name, occurred_at);
CREATE INDEX events_event_by_record ON events_event (record_id, occurred_at);
CREATE TABLE events_event_default PARTITION OF events_event DEFAULT;
"""

# The new table is made aside and attached: that takes SHARE UPDATE EXCLUSIVE on the parent, which stops no reader and no
# writer, where CREATE TABLE ... PARTITION OF would take ACCESS EXCLUSIVE. Only the default partition is locked, and rows
# of the month that had to be put there meanwhile are moved.
ENSURE_MONTH = """
CREATE FUNCTION events_ensure_month(wanted date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  first date := date_trunc('month', wanted)::date;
  lower timestamptz := first::timestamp AT TIME ZONE 'UTC';
  upper timestamptz := (first + interval '1 month') AT TIME ZONE 'UTC';
  part text := 'events_event_' || to_char(first, 'YYYY_MM');
BEGIN
  IF wanted IS NULL OR first < date '2000-01-01' OR first > date '2100-12-01' THEN
    RAISE EXCEPTION 'a month from 2000-01 to 2100-12 is wanted' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF to_regclass('public.' || part) IS NOT NULL THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('events_ensure_month'));
  IF to_regclass('public.' || part) IS NOT NULL THEN
    RETURN false;
  END IF;
  LOCK TABLE public.events_event_default IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('CREATE TABLE public.%I (LIKE public.events_event INCLUDING ALL)', part);
  EXECUTE format(
    'WITH moved AS (DELETE FROM public.events_event_default WHERE occurred_at >= %L AND occurred_at < %L RETURNING *)
     INSERT INTO public.%I SELECT * FROM moved', lower, upper, part);
  EXECUTE format('ALTER TABLE public.events_event ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                 part, lower, upper);
  RETURN true;
END $$;
"""

# The inbox is a queue: rows are written once, never updated, and deleted within a second.
TUNE = """
ALTER TABLE events_inbox ALTER COLUMN sealed SET STORAGE EXTERNAL;
ALTER TABLE events_inbox SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
ALTER TABLE events_rejection ALTER COLUMN sealed SET STORAGE EXTERNAL;
-- Counts are updated all the time: room on the page keeps the updates heap-only.
ALTER TABLE events_tally SET (
  fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_cost_delay = 0);
"""


def restrict_ensure_month(apps, schema_editor):
    """Only the application may have months made, not whoever may connect."""
    user = settings.DATABASES["default"]["USER"]
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("REVOKE EXECUTE ON FUNCTION events_ensure_month(date) FROM PUBLIC")
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user])
        if cursor.fetchone():
            name = schema_editor.connection.ops.quote_name(user)
            cursor.execute(f"GRANT EXECUTE ON FUNCTION events_ensure_month(date) TO {name}")


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Inbox",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("source_id", models.UUIDField()),
                ("message", models.UUIDField()),
                ("received_at", models.DateTimeField()),
                ("sealed", models.BinaryField()),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
            ],
            options={"verbose_name_plural": "inbox"},
        ),
        migrations.CreateModel(
            name="Seen",
            fields=[
                ("digest", models.UUIDField(primary_key=True, serialize=False)),
                ("month", models.DateField()),
            ],
            options={"db_table": "events_seen", "managed": False},
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "id", "occurred_at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("record_id", models.UUIDField()),
                ("source_id", models.UUIDField()),
                (
                    "type",
                    models.SmallIntegerField(
                        choices=[
                            (1, "Identify"),
                            (2, "Track"),
                            (3, "Page"),
                            (4, "Screen"),
                            (5, "Group"),
                            (6, "Alias"),
                        ]
                    ),
                ),
                ("name", models.UUIDField(null=True)),
                ("message", models.UUIDField()),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("facts", models.JSONField()),
                ("sealed", models.BinaryField()),
            ],
            options={"db_table": "events_event", "managed": False},
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source_id", "outcome", "slot", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source_id", models.UUIDField()),
                ("outcome", models.CharField(max_length=12)),
                ("slot", models.SmallIntegerField()),
                ("n", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Rejection",
            fields=[
                (
                    "id",
                    models.UUIDField(default=cdp.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("source_id", models.UUIDField(db_index=True)),
                ("reason", models.CharField(max_length=40)),
                ("field", models.CharField(blank=True, max_length=60)),
                ("sealed", models.BinaryField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("replayed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RunSQL(SEEN, "DROP TABLE events_seen"),
        migrations.RunSQL(EVENT, "DROP TABLE events_event"),
        migrations.RunSQL(ENSURE_MONTH, "DROP FUNCTION events_ensure_month(date)"),
        migrations.RunPython(restrict_ensure_month, migrations.RunPython.noop),
        migrations.RunSQL(TUNE, migrations.RunSQL.noop),
    ]
