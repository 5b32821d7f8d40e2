-- Target. Rows after the id `since` that have their answer.
SELECT count(*) FILTER (WHERE status = 'predicted') AS predicted,
       count(*) FILTER (WHERE status = 'rejected') AS rejected
  FROM cargo_prediction WHERE source_id > :since
