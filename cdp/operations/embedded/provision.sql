-- Roles and databases of the customer data platform, for PostgreSQL 15 to 18. Running it again changes nothing.
--
-- By hand, as a superuser or as a role with CREATEROLE and CREATEDB (the embedded servers run the same file):
--
--   psql 'postgresql://admin@host/postgres' -v ON_ERROR_STOP=1 -f provision.sql \
--     -v owner=cdp_owner -v app=cdp_app -v vault=cdp_vault -v main_database=cdp -v vault_database=cdp_vault \
--     -v owner_password=... -v app_password=... -v vault_password=...
--
-- The owner role runs the migrations, the application role reads and writes rows, the vault role owns the database
-- of wrapped keys. Neither of the two databases can be entered with the roles of the other, so that a copy of one,
-- or a hole in the application, does not open both. Use a UTF8 server; "C" or "C.UTF-8" as its locale sorts the same
-- everywhere.

SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY[:'owner', :'app', :'vault']) AS name
 WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE :"owner" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE :"app" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
ALTER ROLE :"vault" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'vault_password';

-- Who is not a superuser must belong to a role to give it a database and to set its default privileges.
SELECT format('GRANT %I TO CURRENT_USER', name) FROM unnest(ARRAY[:'owner', :'vault']) AS name
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', :'main_database', :'owner')
 WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = :'main_database') \gexec

SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0', :'vault_database', :'vault')
 WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = :'vault_database') \gexec

REVOKE ALL ON DATABASE :"main_database" FROM PUBLIC;
REVOKE ALL ON DATABASE :"vault_database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"main_database" TO :"app";

\connect :"main_database"

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
GRANT USAGE ON SCHEMA public TO :"app";

-- What the owner creates later. A migration takes back single rights where rows may only be appended.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE, SELECT ON SEQUENCES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT EXECUTE ON FUNCTIONS TO :"app";
