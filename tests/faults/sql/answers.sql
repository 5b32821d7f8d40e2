SELECT source_id, status, source_epoch AS epoch, source_partition AS "partition", source_offset AS "offset",
       attempt, label, confidence, error_code, model_version, image_sha256
  FROM cargo_prediction WHERE source_id >= :first
