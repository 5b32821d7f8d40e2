-- Triggers of one table fire in the order of their names, and one that returns NULL is the last. So this one sees only
-- what no other took: a topic that a connector was given by mistake, which must be loud.
CREATE OR REPLACE FUNCTION deliver_to_nobody() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
    MESSAGE = format('no apply function is known for topic %L', NEW.__connect_topic),
    HINT = 'Add a trigger on inbox for the topic, or take the topic out of the sink connector.';
END $$;

CREATE OR REPLACE TRIGGER zz_nobody BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION deliver_to_nobody();
