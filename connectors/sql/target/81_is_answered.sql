-- Whether an answer is for the image of a row of the mirror. Its coordinates may be older: a label that came late moves
-- the mirror on and nothing else. An answer to a record that could not be read as a row has no path.
CREATE OR REPLACE FUNCTION is_answered(c cargo, p cargo_prediction) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(CASE
    WHEN p.status = 'predicted' THEN p.image_path = c.image_path AND coalesce(p.image_sha256 = c.sha256, true)
    WHEN p.image_path IS NULL THEN p.error_code IN ('invalid_message', 'crashed_worker')
    ELSE p.image_path = c.image_path
         AND NOT coalesce(p.error_code = 'checksum_mismatch' AND p.image_sha256 = c.sha256, false)
  END AND c.id = p.source_id, false);
$$;
GRANT EXECUTE ON FUNCTION is_answered(cargo, cargo_prediction) TO cargostream_operator;

-- Answers that are tried again are few among many, and asked for every few seconds.
CREATE INDEX IF NOT EXISTS cargo_prediction_missing_file
  ON cargo_prediction (stored_at) WHERE error_code = 'file_not_found';
