-- Target. Rows that have an answer, counted.
SELECT count(*) AS rows FROM cargo_prediction
