-- Target. The mirror of the rows of fill_source, each from a record of its own.
INSERT INTO cargo (id, "timestamp", image_path, sha256, source_epoch, source_partition, source_offset, stored_at)
SELECT n, 'epoch', n || '.jpg', md5(n::text) || md5(n::text), 1, 0, n,
       timestamptz '2026-11-21 10:00Z' + n * interval '1 ms'
  FROM generate_series(CAST(:first AS int), :last) AS n
