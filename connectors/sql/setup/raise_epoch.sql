-- The id stays empty until the topic is there and its readers' offsets are reset, so that an epoch is raised once.
UPDATE topic_epoch SET epoch = epoch + 1, topic_id = '', made_at = now() WHERE topic = :topic AND topic_id <> ''
