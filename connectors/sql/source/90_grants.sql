GRANT SELECT, INSERT, UPDATE, DELETE ON cargo TO cargostream_writer;
GRANT SELECT ON cargo TO cargostream_capture, cargostream_dashboard, cargostream_operator;
GRANT SELECT ON ingest_seen TO cargostream_operator;
