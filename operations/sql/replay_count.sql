-- Target. How many rows of the mirror a range has; see replay_rows.
SELECT count(*) AS rows
  FROM cargo c LEFT JOIN cargo_prediction p ON p.source_id = c.id
 WHERE (CAST(:since AS timestamptz) IS NULL OR c."timestamp" >= CAST(:since AS timestamptz))
   AND (CAST(:until AS timestamptz) IS NULL OR c."timestamp" < CAST(:until AS timestamptz))
   AND (CAST(:from_id AS bigint) IS NULL OR c.id >= :from_id)
   AND (CAST(:to_id AS bigint) IS NULL OR c.id <= :to_id)
   AND (CAST(:rows AS bigint[]) IS NULL OR c.id = ANY(CAST(:rows AS bigint[])))
   AND (CAST(:rejected AS text) IS NULL OR p.error_code = :rejected)
