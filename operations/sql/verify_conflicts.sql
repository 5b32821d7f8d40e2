-- Target. How many answers contradict one that was given for the same record by the same version, and some of their ids.
SELECT coalesce(sum(conflicts), 0)::bigint AS conflicts, (array_agg(source_id ORDER BY stored_at DESC))[1:5] AS ids
  FROM cargo_prediction_history WHERE conflicts > 0
