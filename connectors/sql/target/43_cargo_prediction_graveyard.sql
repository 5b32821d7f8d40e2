-- The predictions' own graveyard: the mirror is filled by another task, and neither waits for the other.
CREATE TABLE IF NOT EXISTS cargo_prediction_graveyard (
  source_id        bigint PRIMARY KEY,
  source_epoch     int NOT NULL,
  source_partition int NOT NULL,
  source_offset    bigint NOT NULL,
  buried_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
