-- Target. By minute of the last `hours` (at most a day) and by version: how often the answers that stood were right, as
-- far as the truth is known by now, with its interval, and how often their confidence promised that they would be.
SELECT minute, model_version, predicted, labelled, accuracy, accuracy_low, accuracy_high, estimated_accuracy
  FROM cargo_accuracy_minute
 WHERE purpose = 'current' AND minute >= now() - make_interval(hours => :hours) ORDER BY minute, model_version
