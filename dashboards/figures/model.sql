-- Target. The model that gave the newest prediction.
SELECT model_name, model_version
  FROM cargo_prediction WHERE status = 'predicted' ORDER BY stored_at DESC LIMIT 1
