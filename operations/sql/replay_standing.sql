-- Target. The answers that stand for the given ids, and whether the mirror has the row still.
SELECT given.id, c.id IS NOT NULL AS mirrored, p.source_epoch, p.source_offset, p.attempt,
       p.status, p.label, p.error_code, p.target AS answer, p.model_version
  FROM unnest(CAST(:ids AS bigint[])) AS given(id)
  LEFT JOIN cargo c ON c.id = given.id
  LEFT JOIN cargo_prediction p ON p.source_id = given.id
