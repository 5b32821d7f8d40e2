-- The same by the minute in which the answers were stored, over the last day: for plots.
CREATE VIEW cargo_accuracy_minute AS
SELECT minute, purpose, model_version, predicted, labelled, correct,
       correct::float8 / nullif(labelled, 0) AS accuracy,
       wilson(correct, labelled, -1) AS accuracy_low, wilson(correct, labelled, 1) AS accuracy_high, estimated_accuracy
  FROM (SELECT date_trunc('minute', stored_at) AS minute, purpose, model_version, count(*) AS predicted,
               count(truth) AS labelled, count(*) FILTER (WHERE target = truth) AS correct,
               avg(confidence) AS estimated_accuracy
          FROM cargo_judged WHERE stored_at > now() - interval '1 day'
         GROUP BY 1, 2, 3) AS counted;
