-- Target. The rows of a story, in the order of their commits: keys begin with its name, the part follows.
SELECT c.id, split_part(c.ingest_key, ':', 1) AS run, extract(epoch FROM r.committed_at)::float8 AS committed_at,
       extract(epoch FROM r.stored_at)::float8 AS stored_at, r.latency_ms, r.status, r.model_version, r.confidence,
       r.truth, r.target, r.correct, r.image_path
  FROM cargo c JOIN cargo_result r ON r.source_id = c.id
 WHERE c.id > :since AND starts_with(c.ingest_key, :prefix) AND r.stored_at > to_timestamp(:stored_since)
 ORDER BY r.committed_at, c.id
