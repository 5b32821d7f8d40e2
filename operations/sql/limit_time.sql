-- For the rest of this transaction no statement takes longer than `limit` ms.
SELECT set_config('statement_timeout', CAST(:limit AS text), true)
