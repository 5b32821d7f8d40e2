-- The predictions' guard. Order is (epoch, offset, attempt) of the source record that was answered, whenever the
-- answer comes: an older one does not touch what stands, and at a tie the first stands. The history takes every answer
-- that is newer than the id's burial, and counts repeats; one that was given in shadow before is no shadow any more.
CREATE OR REPLACE FUNCTION apply_prediction(topic text, "partition" int, "offset" bigint, record jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  came cargo_prediction_history := jsonb_populate_record(NULL::cargo_prediction_history, record);
BEGIN
  PERFORM unbent(record, to_jsonb(came));
  IF num_nulls(came.source_id, came.source_epoch, came.source_partition, came.source_offset, came.status) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'not_null_violation', MESSAGE = 'the record lacks its source_id, status or receipt';
  END IF;
  came.attempt := coalesce(came.attempt, 0);
  came.purpose := coalesce(came.purpose, 'current');
  came.stored_at := clock_timestamp();
  came.redelivered := 0;
  came.conflicts := 0;

  PERFORM pg_advisory_xact_lock(hashtextextended('cargo_prediction', came.source_id));
  IF came.status = 'deleted' THEN
    PERFORM bury_prediction(came);
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM cargo_prediction_graveyard g WHERE g.source_id = came.source_id
             AND (g.source_epoch, g.source_offset) >= (came.source_epoch, came.source_offset)) THEN
    RETURN;
  END IF;

  IF came.purpose = 'current' THEN
    DELETE FROM cargo_prediction p WHERE p.source_id = came.source_id
      AND (p.source_epoch, p.source_offset, p.attempt) < (came.source_epoch, came.source_offset, came.attempt);
    -- By name: without a column that somebody dropped, this fails rather than lose what belongs there without a word.
    INSERT INTO cargo_prediction (
      source_id, status, source_epoch, source_partition, source_offset, attempt, "timestamp", image_path, target, label,
      confidence, probabilities, error_code, error_detail, model_name, model_version, engine, image_sha256, brightness,
      contrast, sharpness, saturated, embedding_distance, source_lsn, committed_at, received_at, predicted_at, stored_at)
    VALUES (
      came.source_id, came.status, came.source_epoch, came.source_partition, came.source_offset, came.attempt,
      came."timestamp", came.image_path, came.target, came.label, came.confidence, came.probabilities, came.error_code,
      came.error_detail, came.model_name, came.model_version, came.engine, came.image_sha256, came.brightness,
      came.contrast, came.sharpness, came.saturated, came.embedding_distance, came.source_lsn, came.committed_at,
      came.received_at, came.predicted_at, came.stored_at)
    ON CONFLICT DO NOTHING;
  END IF;

  came.model_version := coalesce(came.model_version, 0);
  INSERT INTO cargo_prediction_history AS h VALUES (came.*)
  ON CONFLICT (source_id, source_epoch, source_partition, source_offset, attempt, model_version) DO UPDATE SET
    purpose = CASE EXCLUDED.purpose WHEN 'current' THEN 'current' ELSE h.purpose END,
    redelivered = h.redelivered + (same_answer(h, EXCLUDED))::int,
    conflicts = h.conflicts + (NOT same_answer(h, EXCLUDED) AND h.engine IS NOT DISTINCT FROM EXCLUDED.engine)::int;
END $$;

CREATE OR REPLACE TRIGGER apply_prediction BEFORE INSERT ON inbox FOR EACH ROW
  WHEN (NEW.__connect_topic = 'cargo-predictions') EXECUTE FUNCTION deliver('apply_prediction');
