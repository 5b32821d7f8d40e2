-- Whether two answers for one record say the same. Confidence is left out: engines differ in the last digits.
CREATE OR REPLACE FUNCTION same_answer(a cargo_prediction_history, b cargo_prediction_history) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT (a.status, a.label, a.error_code, a.image_sha256)
      IS NOT DISTINCT FROM (b.status, b.label, b.error_code, b.image_sha256);
$$;
