INSERT INTO schema_version (digest) VALUES (:digest)
ON CONFLICT (one) DO UPDATE SET digest = EXCLUDED.digest, applied_at = now()
