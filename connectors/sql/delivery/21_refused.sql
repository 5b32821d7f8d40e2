-- Records that could not be applied for a reason of their own: the bytes as they came, where they came from, and why.
CREATE TABLE IF NOT EXISTS refused (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic       text NOT NULL,
  "partition" int NOT NULL,
  "offset"    bigint NOT NULL,
  payload     bytea,
  sqlstate    text NOT NULL,
  reason      text NOT NULL,
  refused_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A record that is delivered again is the same refusal. The bytes are part of the key because a topic that was made
-- anew counts its offsets from 0 again.
CREATE UNIQUE INDEX IF NOT EXISTS refused_record
  ON refused (topic, "partition", "offset", coalesce(sha256(payload), ''));
