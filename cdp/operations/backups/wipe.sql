-- Drops all that the current role owns in the schema public, and nothing else: rights on the schema and default privileges
-- stay as provision.sql made them, and so do extensions.
DO $$
DECLARE
    it record;
BEGIN
    FOR it IN
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                      oid::regclass) AS statement
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relowner = current_user::regrole
          AND relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT relispartition
        ORDER BY relkind = 'S'
    LOOP
        EXECUTE it.statement;
    END LOOP;
    FOR it IN
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) AS statement
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
    LOOP
        EXECUTE it.statement;
    END LOOP;
    FOR it IN
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) AS statement
        FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typowner = current_user::regrole AND typtype IN ('e', 'd')
    LOOP
        EXECUTE it.statement;
    END LOOP;
END
$$
