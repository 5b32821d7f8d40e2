-- Target. When the pipeline last noticed that records were lost between the source and the target, by positions with a
-- gap or a topic that was made anew; and the time now, by the same clock.
SELECT greatest((SELECT max(stored_at) FROM cargo_event WHERE kind = 'offsets_lost' AND at > now() - interval '7 days'),
                (SELECT max(made_at) FROM topic_epoch WHERE epoch > 1)) AS at, clock_timestamp() AS now
