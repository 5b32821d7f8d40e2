-- Target. For source ids: is the row mirrored, has it an answer?
SELECT given.id, cargo.id IS NOT NULL AS mirrored, cargo_prediction.source_id IS NOT NULL AS answered
  FROM unnest(CAST(:ids AS bigint[])) AS given(id)
  LEFT JOIN cargo ON cargo.id = given.id
  LEFT JOIN cargo_prediction ON cargo_prediction.source_id = given.id
 WHERE cargo.id IS NULL OR cargo_prediction.source_id IS NULL
