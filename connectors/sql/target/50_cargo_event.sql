-- What the parts have to report: alarms and notable moments.
CREATE TABLE IF NOT EXISTS cargo_event (
  kind        text NOT NULL,
  severity    text NOT NULL CONSTRAINT severity_is_known CHECK (severity IN ('info', 'warning', 'alarm')),
  subject     text NOT NULL,
  detail      text NOT NULL,
  at          timestamptz NOT NULL,
  "partition" int NOT NULL,
  "offset"    bigint NOT NULL,
  stored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (at, "partition", "offset")
);
