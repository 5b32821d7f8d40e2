-- The mirror: the source table's rows as they stand, each with the coordinates of the record that brought it.
CREATE TABLE IF NOT EXISTS cargo (
  id               bigint PRIMARY KEY,
  "timestamp"      timestamptz NOT NULL,
  image_path       text NOT NULL,
  target           int,
  sha256           text,
  ingest_key       text,
  source_epoch     int NOT NULL,
  source_partition int NOT NULL,
  source_offset    bigint NOT NULL,
  source_lsn       bigint,
  committed_at     timestamptz,
  stored_at        timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS cargo_stored_at ON cargo (stored_at);
