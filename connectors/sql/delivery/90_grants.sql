-- The sink may insert into the inbox and nothing else. Readers see why a record was refused; only the operator sees it.
GRANT INSERT ON inbox TO cargostream_sink;
GRANT SELECT (id, topic, "partition", "offset", sqlstate, reason, refused_at) ON refused TO cargostream_dashboard;
GRANT SELECT ON refused TO cargostream_operator;
