-- Source. The rows of one run: newer than an id, with keys that begin with the run's name.
SELECT id FROM cargo WHERE id > :since AND starts_with(ingest_key, :prefix) ORDER BY id
