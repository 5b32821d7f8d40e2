-- Target. The same by version over the last `hours`, answers in shadow beside those that stood.
SELECT purpose, model_version, predicted, labelled, accuracy, accuracy_low, accuracy_high, estimated_accuracy,
       estimate_low, estimate_high
  FROM cargo_accuracy_since(now() - make_interval(hours => :hours))
 WHERE purpose IN ('current', 'shadow') ORDER BY first_at, purpose
