-- Every answer that was given, also by versions that are not champion (`purpose`), so that a version can be judged by
-- labels that come later. `redelivered` counts repeats that agree, `conflicts` those that do not. `model_version` is 0
-- where no model was asked.
CREATE TABLE IF NOT EXISTS cargo_prediction_history (
  LIKE cargo_prediction INCLUDING CONSTRAINTS,
  purpose     text NOT NULL CONSTRAINT purpose_is_known CHECK (purpose IN ('current', 'replay', 'shadow')),
  redelivered int NOT NULL DEFAULT 0,
  conflicts   int NOT NULL DEFAULT 0,
  PRIMARY KEY (source_id, source_epoch, source_partition, source_offset, attempt, model_version)
);
ALTER TABLE cargo_prediction_history ADD COLUMN IF NOT EXISTS embedding_distance real;
-- Rows come in the order of their time, so this small index is enough to forget the old ones.
CREATE INDEX IF NOT EXISTS cargo_prediction_history_stored_at ON cargo_prediction_history USING brin (stored_at);
-- Few or none: whether there are more is asked all the time.
CREATE INDEX IF NOT EXISTS cargo_prediction_history_conflicts
  ON cargo_prediction_history (source_id) WHERE conflicts > 0;
-- What a version answered, in the order of the answers: for windows of its rows, and for its figures since some time.
CREATE INDEX IF NOT EXISTS cargo_prediction_history_version
  ON cargo_prediction_history (purpose, model_version, stored_at, source_id) WHERE status = 'predicted';
