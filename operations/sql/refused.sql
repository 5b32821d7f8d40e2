-- Either server. Records that could not be applied, by topic and reason.
SELECT topic, sqlstate, (array_agg(reason ORDER BY id DESC))[1] AS reason, count(*) AS records, max(refused_at)::text AS last
  FROM refused GROUP BY topic, sqlstate ORDER BY records DESC LIMIT 20
