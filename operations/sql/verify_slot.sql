-- Source. The replication slot, without a name if there is none; positions are bytes. `txns` and `bytes` count what it has
-- decoded since it was made, or since the server lost its counts, which `counts_since` tells apart. `written` is the end of
-- the log.
SELECT s.slot_name AS name, s.active, s.wal_status, (s.restart_lsn - '0/0')::bigint AS restart,
       (s.confirmed_flush_lsn - '0/0')::bigint AS confirmed, t.total_txns AS txns, t.total_bytes AS bytes,
       concat_ws(' ', b.stats_reset, t.stats_reset) AS counts_since,
       (pg_current_wal_insert_lsn() - '0/0')::bigint AS written
  FROM pg_stat_bgwriter b
  LEFT JOIN pg_replication_slots s ON s.slot_name = :slot AND s.database = current_database()
  LEFT JOIN pg_stat_replication_slots t ON t.slot_name = s.slot_name
