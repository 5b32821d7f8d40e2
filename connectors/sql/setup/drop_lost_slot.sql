-- A slot whose log the source has thrown away can never be read again, and stands in the way of a new one.
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
 WHERE slot_name = :slot AND database = current_database() AND wal_status = 'lost'
