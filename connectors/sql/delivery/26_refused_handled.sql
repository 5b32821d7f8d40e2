-- What an operator did about a refused record, when and who. The record itself stays.
ALTER TABLE refused
  ADD COLUMN IF NOT EXISTS handled    text CONSTRAINT handling_is_known CHECK (handled IN ('replayed', 'dismissed')),
  ADD COLUMN IF NOT EXISTS handled_at timestamptz,
  ADD COLUMN IF NOT EXISTS handled_by text;
GRANT SELECT (handled, handled_at, handled_by) ON refused TO cargostream_dashboard;
GRANT UPDATE (handled, handled_at, handled_by) ON refused TO cargostream_operator;
