-- Source. Rows with ids after `after` and up to `upto`, and the newest of these ids.
SELECT count(*) AS rows_in, coalesce(max(id), :after) AS newest FROM cargo WHERE id > :after AND id <= :upto
