-- Target. Note what was done about a dead letter; the last word counts.
INSERT INTO dead_letter_handled (epoch, "partition", "offset", handled, handled_by)
SELECT e.epoch, :partition, :offset, :handled, :by FROM topic_epoch e WHERE e.topic = :topic
ON CONFLICT (epoch, "partition", "offset") DO UPDATE
  SET handled = EXCLUDED.handled, handled_at = EXCLUDED.handled_at, handled_by = EXCLUDED.handled_by
