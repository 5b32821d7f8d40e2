-- Either server. Note that nothing is to be done about a refused record.
UPDATE refused SET handled = 'dismissed', handled_at = clock_timestamp(), handled_by = :by WHERE id = :id
