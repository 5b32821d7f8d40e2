-- Target. How the version that answered last does: its newest `rows` answers, measured where the truth is known by now,
-- and estimated. The estimate has no band as long as the version's calibration error is not known.
WITH counted AS (
  SELECT max(model_version) AS model_version, max(model_name) AS model_name, count(*) AS predicted,
         count(truth) AS labelled, count(*) FILTER (WHERE target = truth) AS correct, avg(confidence) AS estimated,
         1.959963984540054 * sqrt(sum(confidence::float8 * (1 - confidence))) / count(*) AS chance
    FROM (SELECT * FROM cargo_judged
           WHERE purpose = 'current' AND model_version = (
                   SELECT p.model_version FROM cargo_prediction p WHERE p.status = 'predicted'
                    ORDER BY p.stored_at DESC LIMIT 1)
           ORDER BY stored_at DESC LIMIT :rows) AS newest
  HAVING count(*) > 0
)
SELECT counted.model_version, counted.model_name, predicted, labelled, correct,
       correct::float8 / nullif(labelled, 0) AS accuracy,
       wilson(correct, labelled, -1) AS accuracy_low, wilson(correct, labelled, 1) AS accuracy_high,
       estimated AS estimated_accuracy,
       CASE WHEN band IS NOT NULL THEN greatest(0, estimated - band) END AS estimate_low,
       CASE WHEN band IS NOT NULL THEN least(1, estimated + band) END AS estimate_high
  FROM counted LEFT JOIN LATERAL (
    SELECT w.calibration_error FROM cargo_window w WHERE w.model_version = counted.model_version
     ORDER BY w.number DESC LIMIT 1) AS measured ON true
 CROSS JOIN LATERAL (SELECT chance + measured.calibration_error AS band) AS error
