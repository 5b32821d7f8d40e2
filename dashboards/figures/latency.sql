-- Target. From the commit of a row to its stored answer, in ms: the last minute's, at most the newest 5,000.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms
  FROM (SELECT extract(epoch FROM stored_at - committed_at) * 1000 AS latency_ms
          FROM cargo_prediction WHERE stored_at > now() - interval '1 minute'
         ORDER BY stored_at DESC LIMIT 5000) AS newest
