-- Rows in one statement, so in one transaction; returns the range of their ids.
WITH rows AS (
    INSERT INTO cargo (image_path, sha256, target)
    SELECT * FROM unnest(CAST(:paths AS text[]), CAST(:digests AS text[]), CAST(:targets AS int[]))
    RETURNING id
)
SELECT min(id) AS first_id, max(id) AS last_id FROM rows;
