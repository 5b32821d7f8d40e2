-- Target. The next rows of a range, by id, each as its source record had it, with the answer that stands and the attempt
-- that comes after every other at the same record. Times are the rows' own.
SELECT c.id, to_json(c."timestamp") #>> '{}' AS "timestamp", c.image_path, c.target, c.sha256, c.ingest_key, c.source_lsn,
       (1000 * extract(epoch FROM c.committed_at))::bigint AS source_ts_ms,
       c.source_epoch, c.source_partition, c.source_offset,
       1 + greatest(0, (SELECT max(h.attempt) FROM cargo_prediction_history h
                         WHERE h.source_id = c.id AND h.source_epoch = c.source_epoch
                           AND h.source_offset = c.source_offset),
                    CASE WHEN (p.source_epoch, p.source_offset) = (c.source_epoch, c.source_offset) THEN p.attempt END
       ) AS attempt,
       p.status, p.label, p.error_code, p.target AS answer, p.model_version
  FROM cargo c LEFT JOIN cargo_prediction p ON p.source_id = c.id
 WHERE c.id > :after
   AND (CAST(:since AS timestamptz) IS NULL OR c."timestamp" >= CAST(:since AS timestamptz))
   AND (CAST(:until AS timestamptz) IS NULL OR c."timestamp" < CAST(:until AS timestamptz))
   AND (CAST(:from_id AS bigint) IS NULL OR c.id >= :from_id)
   AND (CAST(:to_id AS bigint) IS NULL OR c.id <= :to_id)
   AND (CAST(:rows AS bigint[]) IS NULL OR c.id = ANY(CAST(:rows AS bigint[])))
   AND (CAST(:rejected AS text) IS NULL OR p.error_code = :rejected)
 ORDER BY c.id LIMIT :limit
