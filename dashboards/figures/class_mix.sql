-- Target. What the last minute's answers say (at most the newest 5,000), most frequent first.
SELECT label, count(*) AS answers
  FROM (SELECT label FROM cargo_prediction WHERE stored_at > now() - interval '1 minute'
         ORDER BY stored_at DESC LIMIT 5000) AS newest
 WHERE label IS NOT NULL GROUP BY label ORDER BY answers DESC, label
