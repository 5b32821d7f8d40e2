-- Source or target. The rows of some blocks of a range, one by one.
SELECT id, row_digest(id, "timestamp", image_path, target, sha256, ingest_key) AS digest
  FROM cargo WHERE id > :after AND id <= :upto AND id / :block = ANY(CAST(:blocks AS bigint[]))
