-- Every answer that names a class, beside the truth where that is known by now and is about the same image: a row whose
-- image was changed since has the truth of another.
DROP VIEW IF EXISTS cargo_accuracy, cargo_accuracy_minute, cargo_window_accuracy;
DROP VIEW IF EXISTS cargo_judged;
CREATE VIEW cargo_judged AS
SELECT h.source_id, h.source_epoch, h.source_partition, h.source_offset, h.purpose, h.model_name, h.model_version,
       h.stored_at, h.target, h.confidence, c.target AS truth
  FROM cargo_prediction_history h LEFT JOIN cargo c
    ON c.id = h.source_id AND c.image_path = h.image_path AND coalesce(c.sha256 = h.image_sha256, true)
 WHERE h.status = 'predicted';
