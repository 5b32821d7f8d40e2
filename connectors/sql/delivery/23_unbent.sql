-- Postgres reads "5" as a number and 5 as a text without a word; a contract does not. Compares the JSON type of every
-- field as it came with that of the row it was read into.
CREATE OR REPLACE FUNCTION unbent(record jsonb, row_read jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  bent text;
BEGIN
  SELECT string_agg(format('%s is a %s where a %s belongs', key, jsonb_typeof(record -> key), jsonb_typeof(value)), ', ')
    INTO bent FROM jsonb_each(row_read) WHERE jsonb_typeof(record -> key) <> jsonb_typeof(value);
  IF bent IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = bent;
  END IF;
END $$;
