-- Where every sink connector inserts raw records. Triggers apply each row and keep it out, so the table stays empty.
CREATE TABLE IF NOT EXISTS inbox (
  __connect_topic     text NOT NULL,
  __connect_partition int NOT NULL,
  __connect_offset    bigint NOT NULL,
  payload             bytea
);
