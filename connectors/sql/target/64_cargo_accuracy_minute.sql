-- The same by the minute in which the answers were stored, over the last day: for plots.
DROP VIEW IF EXISTS cargo_accuracy_minute;
CREATE VIEW cargo_accuracy_minute AS
SELECT minute, purpose, model_version, predicted, labelled, correct,
       correct::float8 / nullif(labelled, 0) AS accuracy,
       wilson(correct, labelled, -1) AS accuracy_low, wilson(correct, labelled, 1) AS accuracy_high, estimated_accuracy
  FROM (SELECT date_trunc('minute', h.stored_at) AS minute, h.purpose, h.model_version, count(*) AS predicted,
               count(c.target) AS labelled, count(*) FILTER (WHERE h.target = c.target) AS correct,
               avg(h.confidence) AS estimated_accuracy
          FROM cargo_prediction_history h LEFT JOIN cargo c ON c.id = h.source_id
         WHERE h.status = 'predicted' AND h.stored_at > now() - interval '1 day'
         GROUP BY 1, 2, 3) AS counted;
