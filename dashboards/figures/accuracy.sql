-- Target. Share of right answers among the newest 5,000 to rows after the id `since`, where the truth is known by now.
SELECT avg(correct::int)::float AS accuracy
  FROM (SELECT correct FROM cargo_result WHERE source_id > :since ORDER BY source_id DESC LIMIT 5000) AS newest
