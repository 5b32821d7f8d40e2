-- Target. Rows with ids after `after` and up to `upto` that have their answer.
SELECT count(*) FILTER (WHERE status = 'predicted') AS predicted,
       count(*) FILTER (WHERE status = 'rejected') AS rejected
  FROM cargo_prediction WHERE source_id > :after AND source_id <= :upto
