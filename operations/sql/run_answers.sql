-- Target. What became of the given rows; times are those of rows that were answered once.
SELECT count(*) FILTER (WHERE status = 'predicted') AS predicted,
       count(*) FILTER (WHERE status = 'rejected') AS rejected,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE attempt = 0) AS p50_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE attempt = 0) AS p99_ms,
       avg(correct::int)::float AS accuracy,
       max(model_version) AS model_version,
       extract(epoch FROM min(stored_at) FILTER (WHERE status = 'predicted'))::float AS first_stored_at
  FROM cargo_result WHERE source_id = ANY(CAST(:ids AS bigint[]))
