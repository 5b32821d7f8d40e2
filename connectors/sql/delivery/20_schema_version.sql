-- Which files this database was last brought up to, so that a start with nothing to do does nothing.
CREATE TABLE IF NOT EXISTS schema_version (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  digest     text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
