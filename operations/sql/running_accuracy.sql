-- Target. How the version that answered last does: its newest `rows` answers, measured where the truth is known by now,
-- and estimated.
WITH newest AS (
  SELECT h.model_version, h.model_name, h.source_id, h.target, h.confidence, h.stored_at
    FROM cargo_prediction_history h
   WHERE h.purpose = 'current' AND h.status = 'predicted' AND h.model_version = (
           SELECT p.model_version FROM cargo_prediction p WHERE p.status = 'predicted'
            ORDER BY p.stored_at DESC LIMIT 1)
   ORDER BY h.stored_at DESC LIMIT :rows
), counted AS (
  SELECT max(model_version) AS model_version, max(model_name) AS model_name, count(*) AS predicted,
         count(c.target) AS labelled, count(*) FILTER (WHERE newest.target = c.target) AS correct,
         avg(newest.confidence) AS estimated,
         1.959963984540054 * sqrt(sum(newest.confidence::float8 * (1 - newest.confidence))) / count(*) AS chance
    FROM newest LEFT JOIN cargo c ON c.id = newest.source_id HAVING count(*) > 0
)
SELECT counted.model_version, counted.model_name, predicted, labelled, correct,
       correct::float8 / nullif(labelled, 0) AS accuracy,
       wilson(correct, labelled, -1) AS accuracy_low, wilson(correct, labelled, 1) AS accuracy_high,
       estimated AS estimated_accuracy, greatest(0, estimated - band) AS estimate_low,
       least(1, estimated + band) AS estimate_high
  FROM counted LEFT JOIN LATERAL (
    SELECT w.calibration_error FROM cargo_window w WHERE w.model_version = counted.model_version
     ORDER BY w.number DESC LIMIT 1) AS measured ON true
 CROSS JOIN LATERAL (SELECT chance + coalesce(measured.calibration_error, 0) AS band) AS error
