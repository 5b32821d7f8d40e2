-- Target. Ids of a range at which mirror and predictions do not go together: no answer, one for another image, or one for
-- a row that is not there.
SELECT coalesce(c.id, p.source_id) AS id
  FROM (SELECT * FROM cargo WHERE id > :after AND id <= :upto) AS c
  FULL JOIN (SELECT * FROM cargo_prediction WHERE source_id > :after AND source_id <= :upto) AS p ON p.source_id = c.id
 WHERE NOT is_answered(c, p)
