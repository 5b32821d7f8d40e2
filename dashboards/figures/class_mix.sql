-- Target. What the newest 5,000 answers to rows after the id `since` say, most frequent first.
SELECT label, count(*) AS answers
  FROM (SELECT label FROM cargo_prediction WHERE source_id > :since ORDER BY source_id DESC LIMIT 5000) AS newest
 WHERE label IS NOT NULL GROUP BY label ORDER BY answers DESC, label
