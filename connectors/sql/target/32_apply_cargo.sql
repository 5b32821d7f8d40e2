-- The mirror's guard. Order is (epoch, offset) of the source topic; a record older than what stands, or than the id's
-- burial, changes nothing. The lock makes that hold also for two sink tasks that believe to own the same partition.
CREATE OR REPLACE FUNCTION apply_cargo(topic text, "partition" int, "offset" bigint, record jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  came cargo := jsonb_populate_record(NULL::cargo, record);
BEGIN
  PERFORM unbent(record, to_jsonb(came));
  SELECT e.epoch INTO came.source_epoch FROM topic_epoch e WHERE e.topic = apply_cargo.topic;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
      MESSAGE = format('topic %L has no epoch', apply_cargo.topic), HINT = '`cargostream up` gives it one.';
  END IF;
  came.source_partition := apply_cargo."partition";
  came.source_offset := apply_cargo."offset";
  came.source_lsn := record ->> '__source_lsn';
  came.committed_at := to_timestamp((record ->> '__source_ts_ms')::bigint / 1000.0);
  came.stored_at := clock_timestamp();
  IF came.id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'not_null_violation', MESSAGE = 'the record has no id';
  END IF;

  PERFORM pg_advisory_xact_lock(hashtextextended('cargo', came.id));
  IF record ->> '__deleted' = 'true' THEN
    INSERT INTO cargo_graveyard AS g (id, source_epoch, source_partition, source_offset)
    VALUES (came.id, came.source_epoch, came.source_partition, came.source_offset)
    ON CONFLICT (id) DO UPDATE SET source_epoch = EXCLUDED.source_epoch, source_partition = EXCLUDED.source_partition,
      source_offset = EXCLUDED.source_offset, buried_at = EXCLUDED.buried_at
    WHERE (g.source_epoch, g.source_offset) < (EXCLUDED.source_epoch, EXCLUDED.source_offset);
    DELETE FROM cargo c WHERE c.id = came.id
      AND (c.source_epoch, c.source_offset) < (came.source_epoch, came.source_offset);
  ELSIF NOT EXISTS (SELECT FROM cargo_graveyard g WHERE g.id = came.id
                    AND (g.source_epoch, g.source_offset) >= (came.source_epoch, came.source_offset)) THEN
    DELETE FROM cargo c WHERE c.id = came.id
      AND (c.source_epoch, c.source_offset) < (came.source_epoch, came.source_offset);
    INSERT INTO cargo VALUES (came.*) ON CONFLICT DO NOTHING;
  END IF;
END $$;

CREATE OR REPLACE TRIGGER apply_cargo BEFORE INSERT ON inbox FOR EACH ROW
  WHEN (NEW.__connect_topic = 'postgres-source-cargo') EXECUTE FUNCTION deliver('apply_cargo');
