-- Source. Rows as producers write them, by number.
INSERT INTO cargo ("timestamp", image_path, sha256)
SELECT 'epoch', n || '.jpg', md5(n::text) || md5(n::text) FROM generate_series(CAST(:first AS int), :last) AS n
