SELECT coalesce(sum(redelivered), 0) AS n FROM cargo_prediction_history WHERE source_id >= :first
