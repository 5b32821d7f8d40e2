-- Target. Share of right answers among the newest 5,000 whose truth is known by now.
SELECT avg(correct::int) AS accuracy
  FROM (SELECT correct FROM cargo_result ORDER BY stored_at DESC LIMIT 5000) AS newest
