SELECT count(*) AS n FROM cargo_prediction WHERE source_id >= :first
