-- Either server. What autovacuum does in time.
VACUUM ANALYZE
