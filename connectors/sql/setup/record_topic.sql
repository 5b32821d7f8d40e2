-- A topic seen for the first time starts its first epoch; of one that was made anew the epoch was raised before.
INSERT INTO topic_epoch AS t (topic, topic_id) VALUES (:topic, :topic_id)
ON CONFLICT (topic) DO UPDATE SET topic_id = EXCLUDED.topic_id WHERE t.topic_id <> EXCLUDED.topic_id
