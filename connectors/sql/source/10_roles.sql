-- The writer puts rows in; the capture role reads the log of one publication, which belongs to another.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['cargostream_writer', 'cargostream_capture'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I', name);
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
  END LOOP;
END $$;

ALTER ROLE cargostream_writer LOGIN;
ALTER ROLE cargostream_capture LOGIN REPLICATION;
GRANT USAGE ON SCHEMA public TO cargostream_writer, cargostream_capture;
-- Debezium's heartbeat is a message in the log.
GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean) TO cargostream_capture;
