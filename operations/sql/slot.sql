-- Source. The slots of this database, and the WAL that each holds back. `unread` is what the reader has not confirmed.
SELECT slot_name AS name, active, wal_status,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS held_bytes,
       pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS unread_bytes
  FROM pg_replication_slots WHERE database = current_database() AND slot_type = 'logical'
