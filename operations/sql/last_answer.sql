-- Target. Seconds since the newest answer was stored.
SELECT extract(epoch FROM clock_timestamp() - max(stored_at))::float AS age_s FROM cargo_prediction
