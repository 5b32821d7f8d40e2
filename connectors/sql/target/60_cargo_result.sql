-- Current answers beside the truth and the event time, which are the mirror's. `latency_ms` runs from the source
-- row's commit to the stored answer. `correct` is null as long as the truth is not known.
DROP VIEW IF EXISTS cargo_result;
CREATE VIEW cargo_result AS
SELECT p.*, c."timestamp" AS event_time, c.target AS truth,
       CASE WHEN p.status = 'predicted' THEN p.target = c.target END AS correct,
       1000 * extract(epoch FROM p.stored_at - p.committed_at)::float8 AS latency_ms
  FROM cargo_prediction p LEFT JOIN cargo c ON c.id = p.source_id;
