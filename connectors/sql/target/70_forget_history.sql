-- Drops answers older than `days` from the history, and what was found in blocks of them; what stands in
-- cargo_prediction stays. Returns how many answers went.
CREATE OR REPLACE FUNCTION forget_history(days int) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  DELETE FROM cargo_window w WHERE w.to_at < now() - make_interval(days => days);
  WITH gone AS (
    DELETE FROM cargo_prediction_history h WHERE h.stored_at < now() - make_interval(days => days)
    RETURNING 1
  ) SELECT count(*) FROM gone;
$$;
