-- Either server. For statements that take as long as they take.
SET statement_timeout = 0
