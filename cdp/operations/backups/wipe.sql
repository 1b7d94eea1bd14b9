-- Drops all that the current role owns in the schema public, and its default privileges: a dump's rights presume that nothing
-- is granted by default while its tables are made, and it brings the defaults at its end. (Else the application's role would
-- come out with the right to change ledgers.) Rights on the schema stay as provision.sql made them, and so do extensions.
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
    FOR it IN
        SELECT DISTINCT format('ALTER DEFAULT PRIVILEGES REVOKE ALL ON %s FROM %s',
                      CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                                         WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
                      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END) AS statement
        FROM pg_default_acl, aclexplode(defaclacl)
        WHERE defaclrole = current_user::regrole AND defaclnamespace = 0 AND grantee <> current_user::regrole
    LOOP
        EXECUTE it.statement;
    END LOOP;
    ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;  -- as PostgreSQL has it
END
$$
