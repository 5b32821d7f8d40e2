-- What follows in this session carries password verifiers: the server's log is kept from them.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
