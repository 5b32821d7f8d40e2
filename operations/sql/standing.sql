-- Target. Partitions with rows, among the newest `limit` of the mirror, that wait for their answer: how many, and for how
-- many seconds the first of them has waited while no row before it was answered. All by the target's clock.
WITH waiting AS (
  SELECT source_partition, source_epoch, source_offset, stored_at
    FROM (SELECT * FROM cargo ORDER BY stored_at DESC LIMIT :limit) AS newest
   WHERE NOT EXISTS (SELECT FROM cargo_prediction p WHERE p.source_id = newest.id)
), first AS (
  SELECT DISTINCT ON (source_partition) *, count(*) OVER (PARTITION BY source_partition) AS rows
    FROM waiting ORDER BY source_partition, source_epoch, source_offset
)
SELECT source_partition AS "partition", rows,
       extract(epoch FROM clock_timestamp() - greatest(stored_at, (
         SELECT max(p.stored_at) FROM cargo_prediction p
          WHERE p.source_partition = first.source_partition AND p.stored_at > first.stored_at
            AND (p.source_epoch, p.source_offset) < (first.source_epoch, first.source_offset))))::float AS idle_s
  FROM first ORDER BY source_partition
