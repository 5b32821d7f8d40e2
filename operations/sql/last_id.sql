-- Source. The newest id, 0 if there is none.
SELECT coalesce(max(id), 0) AS id FROM cargo
