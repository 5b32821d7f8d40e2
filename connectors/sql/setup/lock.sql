-- Held by whoever works on the schema, until its session ends.
SELECT pg_advisory_lock(hashtextextended('cargostream schema', 0))
