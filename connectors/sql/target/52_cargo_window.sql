-- A version's answers in blocks, in the order in which they were stored, each held against the reference that came with
-- the version. The last block of a version says where the next one begins. `p_value` is corrected for the number of
-- tests and null where there was nothing to hold against; `drift` is this block's own verdict, while `drift_since` is
-- set from the block that drift begins with until enough quiet ones in a row have ended it. `looks_like` is a known
-- kind of damage, `explained` the share of what moved that it accounts for, `sure` the share of resamples that agree.
-- `estimated_accuracy` is the mean confidence; its band adds `calibration_error`, measured at training, to chance.
CREATE TABLE IF NOT EXISTS cargo_window (
  model_version      int NOT NULL,
  number             int NOT NULL,
  from_at            timestamptz NOT NULL,
  from_id            bigint NOT NULL,
  to_at              timestamptz NOT NULL,
  to_id              bigint NOT NULL,
  rows               int NOT NULL,
  p_value            float8,
  threshold          float8 NOT NULL,
  against            text,
  drift              boolean NOT NULL,
  drift_since        timestamptz,
  looks_like         text,
  explained          float8,
  sure               float8,
  estimated_accuracy float8 NOT NULL,
  estimate_low       float8 NOT NULL,
  estimate_high      float8 NOT NULL,
  calibration_error  float8,
  stored_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (model_version, number)
);
CREATE INDEX IF NOT EXISTS cargo_window_to_at ON cargo_window (to_at);
