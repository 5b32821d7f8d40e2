-- Target. What the tests for drift found in the windows of the last `hours`: how far each statistic was from the days
-- that the version knows, whether that is too far, and what the window looked like.
SELECT w.to_at AS at, w.model_version, w.drift, w.p_value AS window_p_value, w.looks_like, s.statistic, s.distance,
       s.p_value, s.mean, s.reference_mean, s.moved
  FROM cargo_window w JOIN cargo_window_statistic s USING (model_version, number)
 WHERE w.to_at >= now() - make_interval(hours => :hours) ORDER BY w.to_at, w.model_version, s.statistic
