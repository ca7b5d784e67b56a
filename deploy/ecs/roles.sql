-- A database, and a role that owns it, for each service that has one, and a role for healthcheck that may do nothing but log in. May be run
-- again: then it sets the passwords anew. psql 15 or later (\getenv), as a role that may create roles and databases.
\getenv users_password USERS_PASSWORD
\getenv values_password VALUES_PASSWORD
\getenv healthcheck_password HEALTHCHECK_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['users', 'values', 'healthcheck']) AS name
	WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE users PASSWORD :'users_password';
ALTER ROLE "values" PASSWORD :'values_password';
ALTER ROLE healthcheck PASSWORD :'healthcheck_password' CONNECTION LIMIT 10;
-- Who makes a database for another must be a member of that role.
GRANT users, "values" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', name, name) FROM unnest(ARRAY['users', 'values']) AS name
	WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
REVOKE ALL ON DATABASE users FROM PUBLIC;
REVOKE ALL ON DATABASE "values" FROM PUBLIC;
