-- Offsets count anew when a topic is made anew; the epoch, raised by the command that makes topics, keeps their order.
CREATE TABLE IF NOT EXISTS topic_epoch (
  topic    text PRIMARY KEY,
  epoch    int NOT NULL DEFAULT 1,
  topic_id text NOT NULL,
  made_at  timestamptz NOT NULL DEFAULT now()
);
