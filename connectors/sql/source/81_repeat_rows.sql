-- Writes rows again as they are, so that the log tells of them once more. A row that somebody holds is passed over: its
-- holder is about to change it, or comes to an end. Returns how many were written.
CREATE OR REPLACE FUNCTION repeat_rows(ids bigint[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH free AS (
    SELECT id FROM cargo WHERE id = ANY(ids) FOR NO KEY UPDATE SKIP LOCKED
  ), repeated AS (
    UPDATE cargo SET image_path = cargo.image_path FROM free WHERE cargo.id = free.id RETURNING 1
  ) SELECT count(*) FROM repeated;
$$;
GRANT EXECUTE ON FUNCTION repeat_rows(bigint[]) TO cargostream_operator;
