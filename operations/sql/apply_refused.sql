-- Either server.
SELECT apply_refused(:id, :by)
