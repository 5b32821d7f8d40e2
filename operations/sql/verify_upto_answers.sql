-- Target. The `rows`-th answered id after one; null if there are not as many.
SELECT CASE WHEN count(*) = :rows THEN max(source_id) END AS upto
  FROM (SELECT source_id FROM cargo_prediction WHERE source_id > :after ORDER BY source_id LIMIT :rows) AS next
