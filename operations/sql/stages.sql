-- Target. Of the given source ids those that wait: to be mirrored (null), or since the mirror has them for an answer (s).
SELECT given.id, extract(epoch FROM clock_timestamp() - cargo.stored_at)::float AS mirrored_s
  FROM unnest(CAST(:ids AS bigint[])) AS given(id)
  LEFT JOIN cargo ON cargo.id = given.id
  LEFT JOIN cargo_prediction ON cargo_prediction.source_id = given.id
 WHERE cargo.id IS NULL OR cargo_prediction.source_id IS NULL
