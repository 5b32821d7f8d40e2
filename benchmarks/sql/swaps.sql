-- Each row's way: moments as seconds since the epoch, and what answered it.
SELECT image_path, model_version, target,
       extract(epoch FROM predicted_at)::float8 AS predicted,
       1000 * extract(epoch FROM predicted_at - received_at)::float8 AS worker_ms,
       1000 * extract(epoch FROM stored_at - committed_at)::float8 AS latency_ms
FROM cargo_prediction
WHERE source_id BETWEEN :first_id AND :last_id AND status = 'predicted'
ORDER BY predicted_at;
