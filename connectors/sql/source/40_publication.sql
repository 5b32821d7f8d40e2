-- What the capture role may follow. It belongs to the owner: who captures cannot widen it.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'cargostream') THEN
    CREATE PUBLICATION cargostream FOR TABLE cargo WITH (publish = 'insert, update, delete');
  END IF;
END $$;
