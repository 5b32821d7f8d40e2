-- Every answer that was given, beside the truth as far as it is known by now.
DROP VIEW IF EXISTS cargo_result_history;
CREATE VIEW cargo_result_history AS
SELECT h.*, c."timestamp" AS event_time, c.target AS truth,
       CASE WHEN h.status = 'predicted' THEN h.target = c.target END AS correct
  FROM cargo_prediction_history h LEFT JOIN cargo c ON c.id = h.source_id;
