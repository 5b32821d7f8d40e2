-- Source or target. The `rows`-th id of the table after one; null if there are not as many.
SELECT CASE WHEN count(*) = :rows THEN max(id) END AS upto
  FROM (SELECT id FROM cargo WHERE id > :after ORDER BY id LIMIT :rows) AS next
