-- Either server. The newest refused records, or the one with an id.
SELECT id, topic, "partition", "offset", payload, sqlstate, reason, refused_at::text, handled, handled_at::text, handled_by
  FROM refused
 WHERE (CAST(:id AS bigint) IS NULL OR id = :id) AND (handled IS NULL OR :handled_too)
 ORDER BY id DESC LIMIT :limit
