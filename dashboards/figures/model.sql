-- Target. The model that predicted the newest row after the id `since`, of the newest 5,000 that are answered.
SELECT model_name, model_version
  FROM (SELECT source_id, model_name, model_version, status FROM cargo_prediction WHERE source_id > :since
         ORDER BY source_id DESC LIMIT 5000) AS newest
 WHERE status = 'predicted' ORDER BY source_id DESC LIMIT 1
