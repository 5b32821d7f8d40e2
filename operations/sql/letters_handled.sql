-- Target. Marks of the dead letters on the topic as it is now.
SELECT "partition", "offset", handled, handled_at::text, handled_by
  FROM dead_letter_handled h JOIN topic_epoch e ON e.topic = :topic AND e.epoch = h.epoch
