SELECT count(*) AS stored,
       count(*) FILTER (WHERE status = 'predicted') AS predicted,
       extract(epoch FROM max(stored_at) - min(committed_at))::float8 AS seconds
FROM cargo_prediction
WHERE source_id BETWEEN :first_id AND :last_id;
