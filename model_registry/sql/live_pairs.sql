-- For every record that the champion answered and the candidate answered in its shadow: who was right. Only where the
-- truth is known and that answer still stands: for an older image of the row the truth may be another. A model that
-- gave no answer to what the other could answer was wrong.
SELECT coalesce(champion.target = cargo.target, false) AS champion,
       coalesce(candidate.target = cargo.target, false) AS candidate
  FROM cargo_prediction_history champion
  JOIN cargo_prediction_history candidate
    USING (source_id, source_epoch, source_partition, source_offset, attempt)
  JOIN cargo_prediction standing USING (source_id, source_epoch, source_partition, source_offset)
  JOIN cargo ON cargo.id = source_id
 WHERE champion.model_version = :champion AND champion.purpose = 'current'
   AND candidate.model_version = :candidate AND candidate.purpose = 'shadow'
   AND cargo.target IS NOT NULL AND 'predicted' IN (champion.status, candidate.status)
