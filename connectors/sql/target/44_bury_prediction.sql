-- A deleted id leaves prediction and history, as far as they are older than the deletion.
CREATE OR REPLACE FUNCTION bury_prediction(came cargo_prediction_history) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO cargo_prediction_graveyard AS g (source_id, source_epoch, source_partition, source_offset)
  VALUES (came.source_id, came.source_epoch, came.source_partition, came.source_offset)
  ON CONFLICT (source_id) DO UPDATE SET source_epoch = EXCLUDED.source_epoch,
    source_partition = EXCLUDED.source_partition, source_offset = EXCLUDED.source_offset,
    buried_at = EXCLUDED.buried_at
  WHERE (g.source_epoch, g.source_offset) < (EXCLUDED.source_epoch, EXCLUDED.source_offset);
  DELETE FROM cargo_prediction p WHERE p.source_id = came.source_id
    AND (p.source_epoch, p.source_offset) <= (came.source_epoch, came.source_offset);
  DELETE FROM cargo_prediction_history h WHERE h.source_id = came.source_id
    AND (h.source_epoch, h.source_offset) <= (came.source_epoch, came.source_offset);
END $$;
