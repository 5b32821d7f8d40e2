-- The current answer for each source row: one row an id. `timestamp` is the row's event time, `target` the predicted
-- class; the truth stays in the mirror. The receipt names the source record that was answered.
CREATE TABLE IF NOT EXISTS cargo_prediction (
  source_id        bigint PRIMARY KEY,
  status           text NOT NULL CONSTRAINT status_is_known CHECK (status IN ('predicted', 'rejected')),
  source_epoch     int NOT NULL,
  source_partition int NOT NULL,
  source_offset    bigint NOT NULL,
  attempt          int NOT NULL,
  "timestamp"      timestamptz,
  image_path       text,
  target           int,
  label            text,
  confidence       real CONSTRAINT confidence_is_a_share CHECK (confidence BETWEEN 0 AND 1),
  probabilities    real[],
  error_code       text,
  error_detail     text,
  model_name       text,
  model_version    int,
  engine           text,
  image_sha256     text,
  brightness       real,
  contrast         real,
  sharpness        real,
  saturated        real,
  embedding_distance real,
  source_lsn       bigint,
  committed_at     timestamptz,
  received_at      timestamptz,
  predicted_at     timestamptz,
  stored_at        timestamptz NOT NULL,
  CONSTRAINT answer_is_whole CHECK (
    CASE status WHEN 'predicted' THEN num_nulls(target, label, confidence, model_version) = 0
                ELSE error_code IS NOT NULL END)
);
CREATE INDEX IF NOT EXISTS cargo_prediction_stored_at ON cargo_prediction (stored_at);
-- Databases from before the column.
ALTER TABLE cargo_prediction ADD COLUMN IF NOT EXISTS embedding_distance real;
