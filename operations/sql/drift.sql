-- Target. The newest window that was tested, with the statistics that moved most, and since when drift is on.
SELECT w.model_version, w.number, w.to_at::text AS at, w.p_value, w.threshold, w.against, w.drift,
       w.drift_since::text AS since, told.looks_like, told.sure, told.moved
  FROM (SELECT * FROM cargo_window ORDER BY to_at DESC LIMIT 1) AS w LEFT JOIN LATERAL (
    SELECT d.looks_like, d.sure, (
             SELECT json_agg(json_build_object('statistic', s.statistic, 'mean', s.mean, 'reference_mean',
                             s.reference_mean, 'distance', s.distance, 'p_value', s.p_value) ORDER BY s.distance DESC)
               FROM cargo_window_statistic s
              WHERE s.model_version = d.model_version AND s.number = d.number AND s.moved) AS moved
      FROM cargo_window d WHERE w.drift_since IS NOT NULL AND d.model_version = w.model_version AND d.drift
     ORDER BY d.number DESC LIMIT 1) AS told ON true
