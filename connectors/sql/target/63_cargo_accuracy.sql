-- How often each version was right, as far as the truth is known by now, and how often it thought that it was: answers
-- stored since `since`, by purpose. The interval of `accuracy` is Wilson's. `estimated_accuracy` is the mean
-- confidence; its band is 1.96 standard deviations of chance, and the calibration error measured at training. That is
-- known of versions with a block in cargo_window; for others, such as one that has answered in shadow only, the band is
-- null. It holds for rows like those that the version knows, and is too good while they drift.
DROP FUNCTION IF EXISTS cargo_accuracy_since(timestamptz);
CREATE FUNCTION cargo_accuracy_since(since timestamptz) RETURNS TABLE (
  purpose text, model_version int, predicted bigint, labelled bigint, correct bigint,
  accuracy float8, accuracy_low float8, accuracy_high float8,
  estimated_accuracy float8, estimate_low float8, estimate_high float8, first_at timestamptz, last_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT counted.purpose, counted.model_version, counted.predicted, counted.labelled, counted.correct,
         counted.correct::float8 / nullif(counted.labelled, 0),
         wilson(counted.correct, counted.labelled, -1), wilson(counted.correct, counted.labelled, 1),
         counted.confidence, CASE WHEN band IS NOT NULL THEN greatest(0, counted.confidence - band) END,
         CASE WHEN band IS NOT NULL THEN least(1, counted.confidence + band) END,
         counted.first_at, counted.last_at
    FROM (SELECT j.purpose, j.model_version, count(*) AS predicted, count(j.truth) AS labelled,
                 count(*) FILTER (WHERE j.target = j.truth) AS correct, avg(j.confidence) AS confidence,
                 1.959963984540054 * sqrt(sum(j.confidence::float8 * (1 - j.confidence))) / count(*) AS chance,
                 min(j.stored_at) AS first_at, max(j.stored_at) AS last_at
            FROM cargo_judged j WHERE j.stored_at >= since
           GROUP BY j.purpose, j.model_version) AS counted
    LEFT JOIN LATERAL (SELECT w.calibration_error FROM cargo_window w WHERE w.model_version = counted.model_version
                        ORDER BY w.number DESC LIMIT 1) AS measured ON true
   CROSS JOIN LATERAL (SELECT chance + measured.calibration_error AS band) AS error;
$$;
CREATE VIEW cargo_accuracy AS SELECT * FROM cargo_accuracy_since('-infinity');
