"""Whether a text can be read as a moment, asked of any PostgreSQL: the function for that came with version 16."""

from django.db import migrations

MAKE = """
DO $make$ BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    CREATE FUNCTION segments_reads_as(value text, type text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
      AS 'SELECT pg_input_is_valid(value, type)';
  ELSE
    CREATE FUNCTION segments_reads_as(value text, type text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
    BEGIN
      IF type = 'timestamptz' THEN PERFORM value::timestamptz; ELSE PERFORM value::timestamp; END IF;
      RETURN value IS NOT NULL;
    EXCEPTION WHEN data_exception OR invalid_parameter_value THEN
      RETURN false;
    END $$;
  END IF;
END $make$
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0003_follower")]

    operations = [migrations.RunSQL(MAKE, "DROP FUNCTION segments_reads_as(text, text)")]
