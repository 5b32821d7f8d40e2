-- Target.
INSERT INTO cargo_window (
  model_version, number, from_at, from_id, to_at, to_id, rows, p_value, threshold, against, drift, drift_since,
  looks_like, explained, sure, estimated_accuracy, estimate_low, estimate_high, calibration_error)
VALUES (
  :model_version, :number, :from_at, :from_id, :to_at, :to_id, :rows, :p_value, :threshold, :against, :drift,
  :drift_since, :looks_like, :explained, :sure, :estimated_accuracy, :estimate_low, :estimate_high, :calibration_error)
