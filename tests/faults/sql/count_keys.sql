SELECT count(*) AS n FROM cargo WHERE ingest_key = ANY(:keys)
