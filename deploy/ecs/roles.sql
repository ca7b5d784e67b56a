-- Makes a database with a role that owns it for users and for values, and a role for healthcheck that can only log in. Run again, it sets the
-- passwords again. Needs psql 15 or later (\getenv), and a role that may create roles and databases.
\getenv users_password USERS_PASSWORD
\getenv values_password VALUES_PASSWORD
\getenv healthcheck_password HEALTHCHECK_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['users', 'values', 'healthcheck']) AS name
	WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE users PASSWORD :'users_password';
ALTER ROLE "values" PASSWORD :'values_password';
ALTER ROLE healthcheck PASSWORD :'healthcheck_password' CONNECTION LIMIT 10;
-- Only a member of a role can make a database that the role owns.
GRANT users, "values" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', name, name) FROM unnest(ARRAY['users', 'values']) AS name
	WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
REVOKE ALL ON DATABASE users FROM PUBLIC;
REVOKE ALL ON DATABASE "values" FROM PUBLIC;
