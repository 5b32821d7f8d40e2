-- Target. Rows whose image was not there, and that are due to be looked at again: `first` seconds after the first answer,
-- then after twice as long each time, for an hour. With the record that was answered.
SELECT c.id, to_char(c."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "timestamp", c.image_path,
       c.target, c.sha256, c.ingest_key, c.source_lsn,
       (1000 * extract(epoch FROM c.committed_at))::bigint AS source_ts_ms,
       p.source_epoch AS epoch, p.source_partition AS "partition", p.source_offset AS "offset",
       p.attempt + 1 AS attempt
  FROM cargo_prediction p JOIN cargo c ON c.id = p.source_id
 WHERE p.error_code = 'file_not_found' AND p.stored_at > now() - interval '1 hour'
   AND p.stored_at < clock_timestamp() - make_interval(secs => :first * power(2, least(p.attempt, 12)))
   AND p.image_path = c.image_path
   AND coalesce((SELECT min(h.stored_at) FROM cargo_prediction_history h
                  WHERE (h.source_id, h.source_epoch, h.source_partition, h.source_offset)
                      = (p.source_id, p.source_epoch, p.source_partition, p.source_offset)), p.stored_at)
       > now() - interval '1 hour'
 ORDER BY p.stored_at LIMIT :rows
