-- Source. Rows that came in after the id `since`.
SELECT count(*) AS rows_in FROM cargo WHERE id > :since
