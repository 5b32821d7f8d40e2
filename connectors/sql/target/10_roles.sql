-- MLflow keeps its tables in a database of its own on this server, and sees no other.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cargostream_mlflow') THEN
    CREATE ROLE cargostream_mlflow;
  END IF;
END $$;

ALTER ROLE cargostream_mlflow LOGIN;
ALTER DATABASE mlflow OWNER TO cargostream_mlflow;
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;
