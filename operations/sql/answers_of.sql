-- Target. What the given rows were answered.
SELECT source_id, status, label, confidence, error_code, model_version, image_sha256
  FROM cargo_prediction WHERE source_id = ANY(CAST(:ids AS bigint[]))
