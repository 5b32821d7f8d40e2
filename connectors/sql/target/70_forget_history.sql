-- Drops answers older than `days` from the history; what stands in cargo_prediction stays. Returns how many went.
CREATE OR REPLACE FUNCTION forget_history(days int) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH gone AS (
    DELETE FROM cargo_prediction_history h WHERE h.stored_at < now() - make_interval(days => days)
    RETURNING 1
  ) SELECT count(*) FROM gone;
$$;
