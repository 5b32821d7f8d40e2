-- Delivers a refused record again: the same bytes with the same coordinates, through the same trigger. Null when it was
-- applied, which is noted; else why it is refused still.
CREATE OR REPLACE FUNCTION apply_refused(wanted bigint, handler text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  kept refused;
  again refused;
  other_topic boolean;
BEGIN
  SELECT * INTO kept FROM refused WHERE id = wanted FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = format('no refused record has the id %s', wanted);
  END IF;
  -- A guard takes an offset for one of the topic as it is now.
  IF to_regclass('topic_epoch') IS NOT NULL THEN
    EXECUTE 'SELECT made_at > $1 FROM topic_epoch WHERE topic = $2' INTO other_topic USING kept.refused_at, kept.topic;
  END IF;
  IF other_topic THEN
    RETURN 'its topic was made anew since, and its offset means another record now';
  END IF;
  -- Out of its own way: where a record is refused a second time, the first stands and nothing is said.
  UPDATE refused SET "offset" = -1 - kept."offset" WHERE id = wanted;
  INSERT INTO inbox VALUES (kept.topic, kept."partition", kept."offset", kept.payload);
  DELETE FROM refused WHERE topic = kept.topic AND "partition" = kept."partition" AND "offset" = kept."offset"
    AND payload IS NOT DISTINCT FROM kept.payload RETURNING * INTO again;
  UPDATE refused SET "offset" = kept."offset", sqlstate = coalesce(again.sqlstate, kept.sqlstate),
    reason = coalesce(again.reason, kept.reason),
    handled = CASE WHEN again.id IS NULL THEN 'replayed' ELSE kept.handled END,
    handled_at = CASE WHEN again.id IS NULL THEN clock_timestamp() ELSE kept.handled_at END,
    handled_by = CASE WHEN again.id IS NULL THEN handler ELSE kept.handled_by END
  WHERE id = wanted;
  RETURN again.reason;
END $$;
GRANT EXECUTE ON FUNCTION apply_refused(bigint, text) TO cargostream_operator;
