-- True labels that are known only now.
UPDATE cargo SET target = given.target
FROM unnest(CAST(:targets AS int[]), CAST(:keys AS text[])) AS given(target, ingest_key)
WHERE cargo.ingest_key = given.ingest_key
