-- Either server. Rows of a table as the planner believes.
SELECT greatest(reltuples, 0)::bigint AS rows FROM pg_class WHERE oid = to_regclass(:table)
