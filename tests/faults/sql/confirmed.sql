SELECT coalesce(max(confirmed_flush_lsn - '0/0'::pg_lsn), -1)::bigint AS confirmed
  FROM pg_replication_slots WHERE slot_type = 'logical'
