-- Target. Rows of the mirror as they are to be answered again: the columns, the record that brought them, and the
-- attempt after the last one at it.
SELECT c.id, to_char(c."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "timestamp", c.image_path,
       c.target, c.sha256, c.ingest_key, c.source_lsn,
       (1000 * extract(epoch FROM c.committed_at))::bigint AS source_ts_ms,
       c.source_epoch AS epoch, c.source_partition AS "partition", c.source_offset AS "offset",
       1 + greatest(0, p.attempt, (
         SELECT max(h.attempt) FROM cargo_prediction_history h
          WHERE (h.source_id, h.source_epoch, h.source_partition, h.source_offset)
              = (c.id, c.source_epoch, c.source_partition, c.source_offset))) AS attempt
  FROM cargo c LEFT JOIN cargo_prediction p
    ON (p.source_id, p.source_epoch, p.source_partition, p.source_offset)
     = (c.id, c.source_epoch, c.source_partition, c.source_offset)
 WHERE c.id = ANY(CAST(:ids AS bigint[]))
