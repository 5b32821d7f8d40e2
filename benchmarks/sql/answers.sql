SELECT image_path, label, count(*) AS rows
FROM cargo_prediction
WHERE source_id BETWEEN :first_id AND :last_id
GROUP BY image_path, label;
