-- Target. Those of the given ids that have an answer.
SELECT source_id AS id FROM cargo_prediction WHERE source_id = ANY(CAST(:ids AS bigint[]))
