"""The log can be appended to and read, by anybody nothing else.

Plain SQL: a trigger of django-pgtrigger steps aside when a session sets `pgtrigger.ignore`. ENABLE ALWAYS makes it fire
under `session_replication_role = replica` too. The owner could still drop the trigger: that is what signed checkpoints
outside the database are for.
"""

from django.conf import settings
from django.db import migrations

TRIGGERS = """
CREATE FUNCTION audit_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_append_only();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_append_only();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_append_only;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_truncate;
"""
UNDO = """
DROP TRIGGER audit_entry_append_only ON audit_entry;
DROP TRIGGER audit_entry_no_truncate ON audit_entry;
DROP FUNCTION audit_entry_append_only();
"""


def revoke(apps, schema_editor):
    """The application's role may append and read. Skipped where it is the owner itself."""
    role, owner = settings.DATABASES["default"]["USER"], schema_editor.connection.settings_dict["USER"]
    if role and role != owner:
        name = schema_editor.quote_name(role)
        schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON audit_entry FROM {name}")


def grant(apps, schema_editor):
    """The rights that the application's role has on other tables."""
    role, owner = settings.DATABASES["default"]["USER"], schema_editor.connection.settings_dict["USER"]
    if role and role != owner:
        schema_editor.execute(f"GRANT UPDATE, DELETE ON audit_entry TO {schema_editor.quote_name(role)}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(TRIGGERS, UNDO), migrations.RunPython(revoke, grant)]
