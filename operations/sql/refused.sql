-- Either server. Records that could not be applied and that nobody has handled, by topic and reason.
SELECT topic, sqlstate, (array_agg(reason ORDER BY id DESC))[1] AS reason, count(*) AS records, max(refused_at)::text AS last
  FROM refused WHERE handled IS NULL GROUP BY topic, sqlstate ORDER BY records DESC LIMIT 20
