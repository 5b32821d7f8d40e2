GRANT SELECT ON cargo, cargo_prediction, cargo_prediction_history, cargo_event, cargo_result, cargo_result_history,
  topic_epoch TO cargostream_dashboard, cargostream_operator;
GRANT SELECT ON cargo_graveyard, cargo_prediction_graveyard TO cargostream_operator;
GRANT EXECUTE ON FUNCTION forget_history(int) TO cargostream_operator;
-- The command that makes topics works as the operator.
GRANT INSERT, UPDATE ON topic_epoch TO cargostream_operator;
GRANT SELECT ON cargo_judged, cargo_window, cargo_window_statistic, cargo_accuracy, cargo_accuracy_minute,
  cargo_window_accuracy TO cargostream_dashboard, cargostream_operator;
GRANT EXECUTE ON FUNCTION wilson(bigint, bigint, int), cargo_accuracy_since(timestamptz)
  TO cargostream_dashboard, cargostream_operator;
-- The monitor works as the operator.
GRANT INSERT ON cargo_window, cargo_window_statistic TO cargostream_operator;
