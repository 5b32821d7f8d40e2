SELECT topic, epoch, topic_id FROM topic_epoch
