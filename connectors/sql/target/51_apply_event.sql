-- Records of `cargo-events`; one that is delivered again is the same event.
CREATE OR REPLACE FUNCTION apply_event(topic text, "partition" int, "offset" bigint, record jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  came cargo_event := jsonb_populate_record(NULL::cargo_event, record);
BEGIN
  PERFORM unbent(record, to_jsonb(came));
  INSERT INTO cargo_event (kind, severity, subject, detail, at, "partition", "offset")
  VALUES (came.kind, came.severity, came.subject, came.detail, came.at, apply_event."partition", apply_event."offset")
  ON CONFLICT DO NOTHING;
END $$;

CREATE OR REPLACE TRIGGER apply_event BEFORE INSERT ON inbox FOR EACH ROW
  WHEN (NEW.__connect_topic = 'cargo-events') EXECUTE FUNCTION deliver('apply_event');
