DROP TRIGGER IF EXISTS faults_audit ON cargo_prediction;
DROP TRIGGER IF EXISTS faults_copies ON cargo;
DROP FUNCTION IF EXISTS faults_audit();
DROP FUNCTION IF EXISTS faults_copies();
DROP TABLE IF EXISTS faults_audit, faults_copies;
