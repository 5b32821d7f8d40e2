-- Hands one record to the apply function named by the trigger, as the owner of the tables. An error that is the
-- record's own (classes 22 and 23, and the limits 54000 and 54001) puts it into `refused`; every other error, such as
-- a full disk or a deadlock, must fail the sink's task, which keeps the record for later.
CREATE OR REPLACE FUNCTION deliver() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  record jsonb;
BEGIN
  IF NEW.payload IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the record has no value';
  END IF;
  record := convert_from(NEW.payload, 'UTF8')::jsonb;
  IF jsonb_typeof(record) <> 'object' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = format('the record is a JSON %s, not an object', jsonb_typeof(record));
  END IF;
  EXECUTE format('SELECT %I($1, $2, $3, $4)', TG_ARGV[0])
    USING NEW.__connect_topic, NEW.__connect_partition, NEW.__connect_offset, record;
  RETURN NULL;
EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
  INSERT INTO refused (topic, "partition", "offset", payload, sqlstate, reason)
  VALUES (NEW.__connect_topic, NEW.__connect_partition, NEW.__connect_offset, NEW.payload, SQLSTATE, left(SQLERRM, 500))
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
