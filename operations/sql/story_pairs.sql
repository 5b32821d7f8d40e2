-- Target. Labelled rows that one version answered and another answered in shadow.
SELECT count(*) AS n, count(*) FILTER (WHERE a.correct) AS first, count(*) FILTER (WHERE b.correct) AS second
  FROM cargo_result_history a JOIN cargo_result_history b
    ON (b.source_id, b.source_epoch, b.source_partition, b.source_offset, b.attempt)
     = (a.source_id, a.source_epoch, a.source_partition, a.source_offset, a.attempt)
 WHERE a.model_version = :first AND a.purpose = 'current' AND b.model_version = :second AND b.purpose = 'shadow'
   AND a.correct IS NOT NULL AND b.correct IS NOT NULL
