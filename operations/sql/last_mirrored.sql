-- Target. Seconds since the mirror took a row.
SELECT extract(epoch FROM clock_timestamp() - max(stored_at))::float AS age_s FROM cargo
