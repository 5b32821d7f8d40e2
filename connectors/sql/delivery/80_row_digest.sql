-- What a row of `cargo` says, in 64 bits: the same on both servers for the same row, whatever their settings and
-- versions. Not a table's own column order or type, so that a column more on one side changes nothing.
CREATE OR REPLACE FUNCTION row_digest(id bigint, "timestamp" timestamptz, image_path text, target int, sha256 text,
                                      ingest_key text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT ('x' || left(md5(ROW(id, extract(epoch FROM "timestamp"), image_path, target, sha256, ingest_key)::text), 16)
         )::bit(64)::bigint;
$$;
GRANT EXECUTE ON FUNCTION row_digest(bigint, timestamptz, text, int, text, text) TO cargostream_operator;
