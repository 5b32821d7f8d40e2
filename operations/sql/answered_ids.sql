-- Target. Ids after `since` that have an answer.
SELECT source_id AS id FROM cargo_prediction WHERE source_id > :since
