-- Records of `cargo-ingest` become rows: insert only, the first of a key counts, a repeat that differs is refused.
CREATE OR REPLACE FUNCTION apply_ingest(topic text, "partition" int, "offset" bigint, record jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  came cargo := jsonb_populate_record(NULL::cargo, record - 'id');
  came_digest bytea;
BEGIN
  PERFORM unbent(record - 'id', to_jsonb(came));
  IF came.ingest_key IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'not_null_violation', MESSAGE = 'the record has no ingest_key';
  END IF;
  -- Postgres would also take "yesterday", or a time without a zone.
  IF record ->> 'timestamp' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_datetime_format',
      MESSAGE = format('timestamp %s is not an ISO 8601 time with a zone', record -> 'timestamp');
  END IF;

  came_digest := sha256(convert_to(to_jsonb(came)::text, 'UTF8'));
  INSERT INTO ingest_seen (ingest_key, digest) VALUES (came.ingest_key, came_digest) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO cargo ("timestamp", image_path, target, sha256, ingest_key)
    VALUES (coalesce(came."timestamp", now()), came.image_path, came.target, came.sha256, came.ingest_key);
  ELSIF NOT EXISTS (SELECT FROM ingest_seen s WHERE s.ingest_key = came.ingest_key AND s.digest = came_digest) THEN
    RAISE EXCEPTION USING ERRCODE = 'unique_violation',
      MESSAGE = format('ingest_key %L was used before for another row', came.ingest_key);
  END IF;
END $$;

CREATE OR REPLACE TRIGGER apply_ingest BEFORE INSERT ON inbox FOR EACH ROW
  WHEN (NEW.__connect_topic = 'cargo-ingest') EXECUTE FUNCTION deliver('apply_ingest');
