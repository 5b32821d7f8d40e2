-- Blocks of answers beside the truth as far as it is known by now. Meant to be asked for some blocks, by time or number:
-- the truth is looked up row by row (LIMIT keeps the planner, which takes a block for more than it is, to that).
CREATE VIEW cargo_window_accuracy AS
SELECT w.*, truth.labelled, truth.correct, truth.correct::float8 / nullif(truth.labelled, 0) AS accuracy,
       wilson(truth.correct, truth.labelled, -1) AS accuracy_low, wilson(truth.correct, truth.labelled, 1) AS accuracy_high
  FROM cargo_window w CROSS JOIN LATERAL (
    SELECT count(c.target) AS labelled, count(*) FILTER (WHERE h.target = c.target) AS correct
      FROM cargo_prediction_history h
      LEFT JOIN LATERAL (
        SELECT m.target FROM cargo m
         WHERE m.id = h.source_id AND m.image_path = h.image_path AND coalesce(m.sha256 = h.image_sha256, true)
         LIMIT 1) AS c ON true
     WHERE h.purpose = 'current' AND h.status = 'predicted' AND h.attempt = 0 AND h.model_version = w.model_version
       AND (h.stored_at, h.source_id) BETWEEN (w.from_at, w.from_id) AND (w.to_at, w.to_id)) AS truth;
