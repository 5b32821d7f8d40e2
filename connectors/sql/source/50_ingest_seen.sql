-- Keys that came by topic, also of rows deleted since, with a digest of what came: a repeat adds no second row.
CREATE TABLE IF NOT EXISTS ingest_seen (
  ingest_key text PRIMARY KEY,
  digest     bytea NOT NULL,
  seen_at    timestamptz NOT NULL DEFAULT now()
);
