DROP TRIGGER IF EXISTS faults_audit ON cargo_prediction;
DROP FUNCTION IF EXISTS faults_audit();
DROP TABLE IF EXISTS faults_audit;
