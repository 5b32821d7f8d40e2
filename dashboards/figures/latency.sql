-- Target. From the commit of a row to its stored answer, in ms: the newest 5,000 answers to rows after the id `since`,
-- without those that were answered again.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms
  FROM (SELECT latency_ms FROM cargo_result
         WHERE source_id > :since AND attempt = 0 ORDER BY source_id DESC LIMIT 5000) AS newest
