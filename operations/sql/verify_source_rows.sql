-- Source. The given rows: which version each is, and its digest.
SELECT id, xmin::text AS version, row_digest(id, "timestamp", image_path, target, sha256, ingest_key) AS digest
  FROM cargo WHERE id = ANY(CAST(:ids AS bigint[]))
