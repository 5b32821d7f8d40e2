-- Target. Of what mirror and predictions took in since a moment, and at least `settle` seconds ago, the newest: ids at
-- which they do not go together. `until` is the moment to go on from.
WITH till AS (
  SELECT clock_timestamp() - make_interval(secs => :settle) AS until
), changed AS (
  (SELECT id FROM cargo, till WHERE stored_at > CAST(:since AS timestamptz) AND stored_at <= until
    ORDER BY stored_at DESC LIMIT :rows)
  UNION
  (SELECT source_id FROM cargo_prediction, till WHERE stored_at > CAST(:since AS timestamptz) AND stored_at <= until
    ORDER BY stored_at DESC LIMIT :rows)
)
SELECT until::text AS until, ARRAY(
         SELECT id FROM changed
          WHERE NOT is_answered((SELECT c FROM cargo c WHERE c.id = changed.id),
                                (SELECT p FROM cargo_prediction p WHERE p.source_id = changed.id))) AS ids
  FROM till
