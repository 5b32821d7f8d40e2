-- Every answer that was given, beside the truth as far as it is known by now and is about the same image: a row whose
-- image was changed since has the truth, and the event time, of another.
DROP VIEW IF EXISTS cargo_result_history;
CREATE VIEW cargo_result_history AS
SELECT h.*, c."timestamp" AS event_time, c.target AS truth,
       CASE WHEN h.status = 'predicted' THEN h.target = c.target END AS correct
  FROM cargo_prediction_history h LEFT JOIN cargo c
    ON c.id = h.source_id AND c.image_path = h.image_path AND coalesce(c.sha256 = h.image_sha256, true);
