-- Target. An answer to each row of fill_mirror.
INSERT INTO cargo_prediction (source_id, status, source_epoch, source_partition, source_offset, attempt, image_path,
                              error_code, stored_at)
SELECT n, 'rejected', 1, 0, n, 0, n || '.jpg', 'empty_file', timestamptz '2026-11-21 10:00Z' + n * interval '1 ms'
  FROM generate_series(CAST(:first AS int), :last) AS n
