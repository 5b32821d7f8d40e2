-- Target. A version's next `rows` answers behind a place in its history, without rows that were answered again.
SELECT source_id, stored_at, confidence, probabilities, brightness, contrast, sharpness, saturated, embedding_distance
  FROM cargo_prediction_history
 WHERE purpose = 'current' AND status = 'predicted' AND attempt = 0 AND model_version = :version
   AND (stored_at, source_id) > (CAST(:to_at AS timestamptz), :to_id)
 ORDER BY stored_at, source_id LIMIT :rows
