-- Target. What the parts reported in the last hour.
SELECT severity, kind, subject, count(*) AS times, (array_agg(detail ORDER BY at DESC))[1] AS detail, max(at)::text AS last
  FROM cargo_event WHERE at > now() - interval '1 hour'
 GROUP BY severity, kind, subject ORDER BY max(at) DESC LIMIT 20
