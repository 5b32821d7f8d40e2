-- TRUNCATE names no rows, so nothing downstream could follow it.
CREATE OR REPLACE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
    MESSAGE = format('TRUNCATE of %I is refused: its predictions would stay', TG_TABLE_NAME),
    HINT = 'Use DELETE: every deleted row takes its prediction with it.';
END $$;

CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON cargo
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
