-- Target. The monitor's windows that ended after a moment.
SELECT model_version, number, extract(epoch FROM to_at)::float8 AS to_at, rows, p_value, threshold, drift, looks_like,
       estimated_accuracy
  FROM cargo_window WHERE to_at > to_timestamp(:since) ORDER BY to_at
