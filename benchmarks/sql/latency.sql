-- From the commit of the source row to the moment at which its prediction is written, in ms.
SELECT percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (
           ORDER BY extract(epoch FROM stored_at - committed_at) * 1000)::float8[] AS p50_p90_p99
FROM cargo_prediction
WHERE source_id BETWEEN :first_id AND :last_id;
