SELECT wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS held_bytes
  FROM pg_replication_slots WHERE slot_type = 'logical'
