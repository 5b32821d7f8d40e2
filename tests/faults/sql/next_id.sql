SELECT nextval(pg_get_serial_sequence('cargo', 'id')) AS id
