-- The ends of the 95 % score interval of E. B. Wilson (JASA 22, 1927) for a share of which `hits` of `n` were counted:
-- `side` -1 is the lower, 1 the upper one. Null where nothing was counted.
CREATE OR REPLACE FUNCTION wilson(hits bigint, n bigint, side int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
  CASE WHEN n > 0 THEN least(1, greatest(0, (
    hits + 1.920729410347062 + side * 1.959963984540054 * sqrt(hits::float8 * (n - hits) / n + 0.960364705173531)
  ) / (n + 3.841458820694124))) END;
