-- Everything downstream knows the columns of cargo by name and type. Whoever changes them is told here and now; rows that
-- came without their image would only be told of one by one, as rejected. Only a superuser can watch for such changes.
RESET ROLE;
CREATE OR REPLACE FUNCTION keep_contract() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  lacking text;
BEGIN
  SELECT string_agg(format('%I (%s%s)', needed.name, needed.types[1], CASE WHEN needed.always THEN ', not null' END), ', ')
    INTO lacking
    FROM (VALUES ('id', ARRAY['bigint', 'integer', 'smallint'], true),
                 ('timestamp', ARRAY['timestamp with time zone'], true),
                 ('image_path', ARRAY['text', 'character varying'], true),
                 ('target', ARRAY['integer', 'smallint', 'bigint'], false),
                 ('sha256', ARRAY['text', 'character varying', 'character'], false),
                 ('ingest_key', ARRAY['text', 'character varying'], false)) AS needed(name, types, always)
   WHERE NOT EXISTS (
     SELECT FROM pg_attribute
      WHERE attrelid = to_regclass('public.cargo') AND attname = needed.name AND NOT attisdropped
        AND atttypid::regtype::text = ANY(needed.types) AND (attnotnull OR NOT needed.always));
  IF lacking IS NULL AND NOT EXISTS (
       SELECT FROM pg_class WHERE oid = to_regclass('public.cargo') AND relreplident = 'f') THEN
    lacking := 'REPLICA IDENTITY FULL';
  END IF;
  IF lacking IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
      MESSAGE = format('this change of cargo is refused: its predictions need %s', lacking),
      HINT = 'Columns may be added. ALTER EVENT TRIGGER keep_contract DISABLE lets everything through, at the price '
             'that rows are rejected.';
  END IF;
END $$;

REVOKE ALL ON FUNCTION keep_contract() FROM PUBLIC;

DROP EVENT TRIGGER IF EXISTS keep_contract;
CREATE EVENT TRIGGER keep_contract ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'DROP TABLE')
  EXECUTE FUNCTION keep_contract();
