-- Source or target. The rows of a range of ids, block by block of `block` ids: how many, and a digest of them all that
-- does not depend on their order.
SELECT id / :block AS block, count(*) AS rows,
       bit_xor(row_digest(id, "timestamp", image_path, target, sha256, ingest_key)) AS digest
  FROM cargo WHERE id > :after AND id <= :upto GROUP BY 1
