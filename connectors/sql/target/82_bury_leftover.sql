-- Takes away what the source does not have any more: a row of the mirror, or an answer. Only if it still is the one that
-- was looked at, and with a burial, so that a record that comes late does not bring it back. One id and one lock a call,
-- as the guards take them: two in one transaction could stand in the way of a sink.
CREATE OR REPLACE FUNCTION bury_mirrored(gone bigint, epoch int, "partition" int, "offset" bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('cargo', gone));
  DELETE FROM cargo c WHERE c.id = gone AND (c.source_epoch, c.source_partition, c.source_offset)
    = (bury_mirrored.epoch, bury_mirrored."partition", bury_mirrored."offset");
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO cargo_graveyard AS g (id, source_epoch, source_partition, source_offset)
  VALUES (gone, bury_mirrored.epoch, bury_mirrored."partition", bury_mirrored."offset")
  ON CONFLICT (id) DO UPDATE SET source_epoch = EXCLUDED.source_epoch, source_partition = EXCLUDED.source_partition,
    source_offset = EXCLUDED.source_offset, buried_at = EXCLUDED.buried_at
  WHERE (g.source_epoch, g.source_offset) < (EXCLUDED.source_epoch, EXCLUDED.source_offset);
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION bury_answered(gone bigint, epoch int, "partition" int, "offset" bigint, attempt int)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  burial cargo_prediction_history;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('cargo_prediction', gone));
  IF NOT EXISTS (SELECT FROM cargo_prediction p WHERE p.source_id = gone
                 AND (p.source_epoch, p.source_partition, p.source_offset, p.attempt)
                   = (bury_answered.epoch, bury_answered."partition", bury_answered."offset", bury_answered.attempt)) THEN
    RETURN false;
  END IF;
  burial.source_id := gone;
  burial.source_epoch := bury_answered.epoch;
  burial.source_partition := bury_answered."partition";
  burial.source_offset := bury_answered."offset";
  PERFORM bury_prediction(burial);
  RETURN true;
END $$;

GRANT EXECUTE ON FUNCTION bury_mirrored(bigint, int, int, bigint), bury_answered(bigint, int, int, bigint, int)
  TO cargostream_operator;
