-- Target. How many of the given ids are still there, in the mirror, with an answer or in the history.
SELECT count(DISTINCT id) AS ids FROM (
  SELECT id FROM cargo WHERE id = ANY(CAST(:ids AS bigint[]))
  UNION ALL SELECT source_id FROM cargo_prediction WHERE source_id = ANY(CAST(:ids AS bigint[]))
  UNION ALL SELECT source_id FROM cargo_prediction_history WHERE source_id = ANY(CAST(:ids AS bigint[]))) AS found
