"""Ledger, subjects and notices can be appended to and read; the built-in purpose "operate".

Plain SQL, ENABLE ALWAYS: fires under `session_replication_role = replica` too, and no session setting skips it.
"""

from django.conf import settings
from django.db import migrations

TABLES = ("consent_ledgerentry", "consent_subject", "consent_notice")
TRIGGERS = """
CREATE FUNCTION consent_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
""" + "".join(
    f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION consent_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION consent_append_only();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
"""
    for table in TABLES
)
UNDO = (
    "".join(
        f"DROP TRIGGER {table}_append_only ON {table}; DROP TRIGGER {table}_no_truncate ON {table};" for table in TABLES
    )
    + "DROP FUNCTION consent_append_only();"
)

OPERATE = """
INSERT INTO consent_purpose (id, key, name, description, basis, opt_out_by_gpc)
VALUES ('01900000-0000-7000-8000-000000000001', 'operate', 'Operate the service',
        'What the contract with the customer needs: orders, delivery, accounts, service.', 'contract', false)
ON CONFLICT (key) DO NOTHING;
"""
NO_OPERATE = "DELETE FROM consent_purpose WHERE key = 'operate';"


def revoke(apps, schema_editor):
    """The application's role may append and read. Skipped where it is the owner itself."""
    role, owner = settings.DATABASES["default"]["USER"], schema_editor.connection.settings_dict["USER"]
    if role and role != owner:
        name = schema_editor.quote_name(role)
        for table in TABLES:
            schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {table} FROM {name}")


def grant(apps, schema_editor):
    """The rights that the application's role has on other tables."""
    role, owner = settings.DATABASES["default"]["USER"], schema_editor.connection.settings_dict["USER"]
    if role and role != owner:
        for table in TABLES:
            schema_editor.execute(f"GRANT UPDATE, DELETE ON {table} TO {schema_editor.quote_name(role)}")


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]

    operations = [
        migrations.RunSQL(TRIGGERS, UNDO),
        migrations.RunPython(revoke, grant),
        migrations.RunSQL(OPERATE, NO_OPERATE),
    ]
