-- Target. How many dead letters are handled of those that the topic still has; `firsts` are its partitions' beginnings.
SELECT count(*) AS letters
  FROM dead_letter_handled h JOIN topic_epoch e ON e.topic = :topic AND e.epoch = h.epoch
  JOIN unnest(CAST(:partitions AS int[]), CAST(:firsts AS bigint[])) AS kept("partition", "first")
    ON kept."partition" = h."partition" AND h."offset" >= kept."first"
