-- Source. The rows of one run as they were written.
SELECT id, image_path, sha256 FROM cargo WHERE id > :since AND starts_with(ingest_key, :prefix)
