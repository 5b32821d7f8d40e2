-- How far `cargostream verify --watch` has come, so that it goes on there after a restart, and what it has found since
-- the beginning. `swept_to` is the last id that the sweep under way has compared, `slot` how the replication slot was when
-- it was last looked at, `cause_at` when something was noticed that asks for a whole sweep.
CREATE TABLE IF NOT EXISTS verify_state (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  swept_to   bigint,
  swept_rows bigint NOT NULL DEFAULT 0,
  began_at   timestamptz,
  ended_at   timestamptz,
  ended_rows bigint,
  cause_at   timestamptz,
  found      bigint NOT NULL DEFAULT 0,
  repaired   bigint NOT NULL DEFAULT 0,
  standing   bigint NOT NULL DEFAULT 0,
  slot       jsonb
);
-- What was told of: the newest record that either server refused, and how many answers contradict another.
ALTER TABLE verify_state
  ADD COLUMN IF NOT EXISTS refused_source bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS refused_target bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS conflicts      bigint NOT NULL DEFAULT 0;
GRANT SELECT ON verify_state TO cargostream_dashboard;
GRANT SELECT, INSERT, UPDATE ON verify_state TO cargostream_operator;
