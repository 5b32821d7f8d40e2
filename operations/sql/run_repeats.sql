-- Target. Answers to the given rows that were given more than once: the same again, and another.
SELECT coalesce(sum(redelivered), 0)::int AS redelivered, coalesce(sum(conflicts), 0)::int AS conflicts
  FROM cargo_prediction_history WHERE source_id = ANY(CAST(:ids AS bigint[]))
