-- A topic seen for the first time starts its first epoch; one whose identity changed was made anew.
INSERT INTO topic_epoch AS t (topic, topic_id) VALUES (:topic, :topic_id)
ON CONFLICT (topic) DO UPDATE SET epoch = t.epoch + 1, topic_id = EXCLUDED.topic_id, made_at = now()
  WHERE t.topic_id <> EXCLUDED.topic_id
