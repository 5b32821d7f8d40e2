-- Target. Whether this transaction is the only one that writes windows; until its end no other is.
SELECT pg_try_advisory_xact_lock(hashtextextended('cargostream monitor', 0)) AS mine
