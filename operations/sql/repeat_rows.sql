-- Source. Writes rows again as they are; how many.
SELECT repeat_rows(CAST(:ids AS bigint[])) AS rows
