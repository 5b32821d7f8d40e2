-- Target. Versions with a whole window of `rows` answers behind the last one that was tested, and how it stands with
-- them: that window's number, place and drift, whether a window of that drift looked like something known, and whether
-- one of the `quiet` last ones drifted. Rows that were answered again are none of these days' and do not count. Answers
-- of the last `settle` seconds wait: a sink's transaction may still bring one that is older. Versions are found by leaps
-- in an index.
WITH RECURSIVE version AS (
  (SELECT h.model_version FROM cargo_prediction_history h
    WHERE h.purpose = 'current' AND h.status = 'predicted' ORDER BY h.model_version LIMIT 1)
  UNION ALL
  SELECT (SELECT h.model_version FROM cargo_prediction_history h
           WHERE h.purpose = 'current' AND h.status = 'predicted' AND h.model_version > version.model_version
           ORDER BY h.model_version LIMIT 1)
    FROM version WHERE version.model_version IS NOT NULL
)
SELECT version.model_version, coalesce(last.number, 0) AS number, last.drift_since,
       EXISTS (SELECT FROM cargo_window w WHERE w.model_version = version.model_version
                AND w.from_at >= last.drift_since AND w.looks_like IS NOT NULL) AS named,
       coalesce(last.to_at, 'epoch') AS to_at, coalesce(last.to_id, 0) AS to_id,
       coalesce((SELECT bool_or(recent.drift) FROM (
         SELECT w.drift FROM cargo_window w WHERE w.model_version = version.model_version
          ORDER BY w.number DESC LIMIT :quiet) AS recent), false) AS drifted_lately
  FROM version LEFT JOIN LATERAL (
    SELECT w.number, w.drift_since, w.to_at, w.to_id FROM cargo_window w
     WHERE w.model_version = version.model_version ORDER BY w.number DESC LIMIT 1) AS last ON true
 WHERE version.model_version IS NOT NULL AND :rows = (
   SELECT count(*) FROM (
     SELECT FROM cargo_prediction_history h
      WHERE h.purpose = 'current' AND h.status = 'predicted' AND h.model_version = version.model_version
        AND h.attempt = 0
        AND (h.stored_at, h.source_id) > (coalesce(last.to_at, 'epoch'), coalesce(last.to_id, 0))
        AND h.stored_at < clock_timestamp() - make_interval(secs => :settle) LIMIT :rows) AS waiting)
