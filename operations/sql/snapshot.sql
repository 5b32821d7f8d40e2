-- Target. Rows that the first look at the source table brought, and those of them that are answered; `last`: nothing came
-- after them yet. They share one place in the source's log, while rows that came one by one have each their own.
WITH first AS (
  SELECT source_lsn FROM (SELECT source_lsn FROM cargo ORDER BY id LIMIT 2) AS two
   GROUP BY source_lsn HAVING count(*) = 2
)
SELECT count(*) AS mirrored, count(p.source_id) AS answered,
       (SELECT source_lsn FROM cargo ORDER BY stored_at DESC LIMIT 1) = min(first.source_lsn) AS last
  FROM cargo JOIN first USING (source_lsn) LEFT JOIN cargo_prediction p ON p.source_id = cargo.id
