-- Ids that were deleted, with the record that said so: a record that comes late must not bring one back.
CREATE TABLE IF NOT EXISTS cargo_graveyard (
  id               bigint PRIMARY KEY,
  source_epoch     int NOT NULL,
  source_partition int NOT NULL,
  source_offset    bigint NOT NULL,
  buried_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
