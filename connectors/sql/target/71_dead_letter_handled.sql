-- What an operator did about a dead letter: a topic forgets nothing, and cannot be written on. A mark may outlive its
-- letter. `epoch` is that of the topic cargo-dead-letter, which counts its offsets anew when it is made anew.
CREATE TABLE IF NOT EXISTS dead_letter_handled (
  epoch       int NOT NULL,
  "partition" int NOT NULL,
  "offset"    bigint NOT NULL,
  handled     text NOT NULL CONSTRAINT handling_is_known CHECK (handled IN ('replayed', 'dismissed')),
  handled_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  handled_by  text NOT NULL,
  PRIMARY KEY (epoch, "partition", "offset")
);
GRANT SELECT ON dead_letter_handled TO cargostream_dashboard, cargostream_operator;
GRANT INSERT, UPDATE ON dead_letter_handled TO cargostream_operator;
