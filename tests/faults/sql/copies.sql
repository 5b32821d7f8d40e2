SELECT operation, id, image_path, sha256, source_epoch AS epoch, source_partition AS "partition", source_offset AS "offset"
  FROM faults_copies WHERE id >= :first ORDER BY seq
