-- Target.
INSERT INTO cargo_window_statistic (
  model_version, number, statistic, distance, p_value, mean, reference_mean, moved)
VALUES (:model_version, :number, :statistic, :distance, :p_value, :mean, :reference_mean, :moved)
