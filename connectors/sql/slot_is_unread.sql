-- Source. Whether the slot is read by nobody, although it is usable and the connector is not at a snapshot, which is one
-- long transaction.
SELECT EXISTS (SELECT FROM pg_replication_slots
                WHERE slot_name = 'cargostream' AND NOT active AND wal_status <> 'lost')
   AND NOT EXISTS (SELECT FROM pg_stat_activity
                    WHERE usename = current_user AND pid <> pg_backend_pid()
                      AND xact_start < now() - interval '1 second') AS unread
