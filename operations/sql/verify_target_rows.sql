-- Target. What stands for the given ids: coordinates and digest of the mirror's row, coordinates of the answer, whether
-- it is for that row's image, and whether something newer than the row keeps an answer to it from standing.
SELECT given.id, c.id IS NOT NULL AS mirrored, c.source_epoch AS row_epoch, c.source_partition AS row_partition,
       c.source_offset AS row_offset,
       CASE WHEN c.id IS NOT NULL
            THEN row_digest(c.id, c."timestamp", c.image_path, c.target, c.sha256, c.ingest_key) END AS digest,
       p.source_id IS NOT NULL AS answered, p.source_epoch AS answer_epoch, p.source_partition AS answer_partition,
       p.source_offset AS answer_offset, p.attempt, is_answered(c, p) AS agrees,
       coalesce((p.source_epoch, p.source_offset) > (c.source_epoch, c.source_offset), false)
       OR coalesce((g.source_epoch, g.source_offset) >= (c.source_epoch, c.source_offset), false) AS barred
  FROM unnest(CAST(:ids AS bigint[])) AS given(id)
  LEFT JOIN cargo c ON c.id = given.id
  LEFT JOIN cargo_prediction p ON p.source_id = given.id
  LEFT JOIN cargo_prediction_graveyard g ON g.source_id = given.id
 WHERE c.id IS NOT NULL OR p.source_id IS NOT NULL
