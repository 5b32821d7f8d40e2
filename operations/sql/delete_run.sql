-- Source. Takes the rows of one run away.
DELETE FROM cargo WHERE id > :since AND starts_with(ingest_key, :prefix) RETURNING id
