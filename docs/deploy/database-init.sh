#!/bin/sh
# Runs once, in an empty database server: Homeward's role is no superuser and owns nothing but its database.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat "${PASSWORD_FILE:-/run/secrets/database_password}")" <<'SQL'
CREATE ROLE homeward LOGIN PASSWORD :'password';
CREATE DATABASE homeward OWNER homeward ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE homeward FROM PUBLIC;
\connect homeward
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO homeward;
CREATE EXTENSION vector;
SQL
