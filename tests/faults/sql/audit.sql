-- Every write to cargo_prediction and to the mirror, in the order of the commits that the harness can tell them by.
-- Made by the superuser for the time of a case; the triggers act for it, so that no role of the pipeline needs a right.
CREATE TABLE IF NOT EXISTS faults_audit (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operation text NOT NULL,
  source_id bigint NOT NULL,
  status text, source_epoch int, source_partition int, source_offset bigint, attempt int,
  label text, confidence real, error_code text, model_version int, image_sha256 text
);
TRUNCATE faults_audit;

CREATE OR REPLACE FUNCTION faults_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  p cargo_prediction := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  INSERT INTO faults_audit (operation, source_id, status, source_epoch, source_partition, source_offset, attempt,
                            label, confidence, error_code, model_version, image_sha256)
  VALUES (TG_OP, p.source_id, p.status, p.source_epoch, p.source_partition, p.source_offset, p.attempt,
          p.label, p.confidence, p.error_code, p.model_version, p.image_sha256);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER faults_audit AFTER INSERT OR UPDATE OR DELETE ON cargo_prediction
  FOR EACH ROW EXECUTE FUNCTION faults_audit();

CREATE TABLE IF NOT EXISTS faults_copies (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  operation text NOT NULL,
  id bigint NOT NULL, image_path text, sha256 text, source_epoch int, source_partition int, source_offset bigint
);
TRUNCATE faults_copies;

CREATE OR REPLACE FUNCTION faults_copies() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  c cargo := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  INSERT INTO faults_copies (operation, id, image_path, sha256, source_epoch, source_partition, source_offset)
  VALUES (TG_OP, c.id, c.image_path, c.sha256, c.source_epoch, c.source_partition, c.source_offset);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER faults_copies AFTER INSERT OR UPDATE OR DELETE ON cargo
  FOR EACH ROW EXECUTE FUNCTION faults_copies();
