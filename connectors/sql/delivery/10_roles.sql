-- Everything belongs to a role that nobody can log in as; what logs in has only the rights granted below and in 90_*.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['owner', 'sink', 'dashboard', 'operator'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cargostream_' || name) THEN
      EXECUTE format('CREATE ROLE %I', 'cargostream_' || name);
    END IF;
  END LOOP;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CREATE ON DATABASE %I TO cargostream_owner', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO cargostream_sink, cargostream_dashboard, cargostream_operator',
                 current_database());
END $$;

ALTER ROLE cargostream_owner NOLOGIN;
ALTER ROLE cargostream_sink LOGIN;
ALTER ROLE cargostream_dashboard LOGIN;
ALTER ROLE cargostream_operator LOGIN;

-- A sink that was stopped in mid-transaction must not hold its locks for ever.
ALTER ROLE cargostream_sink SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE cargostream_sink SET timezone = 'UTC';
ALTER ROLE cargostream_dashboard SET default_transaction_read_only = on;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO cargostream_owner;
GRANT USAGE ON SCHEMA public TO cargostream_sink, cargostream_dashboard, cargostream_operator;
ALTER DEFAULT PRIVILEGES FOR ROLE cargostream_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What Postgres gives to everybody: a way into the maintenance databases, large objects, which fill the disk, and
-- messages in the log, which whoever follows the log must make something of.
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean),
  pg_logical_emit_message(boolean, text, bytea, boolean) FROM PUBLIC;
