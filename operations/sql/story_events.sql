-- Target. What was reported since a moment.
SELECT kind, severity, subject, detail, extract(epoch FROM at)::float8 AS at
  FROM cargo_event WHERE at > to_timestamp(:since) ORDER BY at
