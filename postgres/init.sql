-- What the superuser prepares, once, in an empty server: the role of the APIs and workers, which owns its one database and has
-- no right beyond. For psql; in Compose the image runs it at the first start, and test/stack runs it too.
\getenv password PLENARY_DATABASE_PASSWORD
CREATE ROLE plenary LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE plenary OWNER plenary;
REVOKE ALL ON DATABASE plenary, postgres, template1 FROM PUBLIC;
