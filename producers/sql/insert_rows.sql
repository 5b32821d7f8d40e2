-- Rows of one transaction, in order. A key that is there already is a repeat after an uncertain commit: nothing to do.
INSERT INTO cargo (image_path, target, sha256, ingest_key)
SELECT image_path, target, sha256, ingest_key
FROM unnest(CAST(:paths AS text[]), CAST(:targets AS int[]), CAST(:digests AS text[]), CAST(:keys AS text[]))
     WITH ORDINALITY AS given(image_path, target, sha256, ingest_key, position)
ORDER BY position
ON CONFLICT DO NOTHING
