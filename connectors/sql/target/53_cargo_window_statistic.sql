-- What each test of a block found: distance of the distribution functions (Kolmogorov-Smirnov), p-value before the
-- correction, means of block and reference, and whether this test alone would have called it drift.
CREATE TABLE IF NOT EXISTS cargo_window_statistic (
  model_version  int NOT NULL,
  number         int NOT NULL,
  statistic      text NOT NULL,
  distance       float8 NOT NULL,
  p_value        float8 NOT NULL,
  mean           float8 NOT NULL,
  reference_mean float8 NOT NULL,
  moved          boolean NOT NULL,
  PRIMARY KEY (model_version, number, statistic),
  FOREIGN KEY (model_version, number) REFERENCES cargo_window ON DELETE CASCADE
);
