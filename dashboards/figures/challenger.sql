-- Target. Champion beside challenger on the records of the last `hours` that both answered: how often they agree, and
-- how often each is right where the truth is known by now.
WITH pair AS (
  SELECT shadow.model_version AS challenger, stood.model_version AS champion, stood.truth IS NOT NULL AS labelled,
         shadow.target = stood.target AS agree, shadow.target = stood.truth AS challenger_right,
         stood.target = stood.truth AS champion_right
    FROM cargo_judged shadow
    JOIN cargo_judged stood USING (source_id, source_epoch, source_partition, source_offset)
   WHERE shadow.purpose = 'shadow' AND stood.purpose = 'current' AND shadow.model_version <> stood.model_version
     AND shadow.stored_at >= now() - make_interval(hours => :hours)
), counted AS (
  SELECT champion, challenger, count(*) AS rows, avg(agree::int)::float8 AS agreement,
         count(*) FILTER (WHERE labelled) AS labelled, count(*) FILTER (WHERE champion_right) AS champion_right,
         count(*) FILTER (WHERE challenger_right) AS challenger_right
    FROM pair GROUP BY champion, challenger
)
SELECT champion, challenger, rows, agreement, labelled,
       champion_right::float8 / nullif(labelled, 0) AS champion_accuracy,
       wilson(champion_right, labelled, -1) AS champion_low, wilson(champion_right, labelled, 1) AS champion_high,
       challenger_right::float8 / nullif(labelled, 0) AS challenger_accuracy,
       wilson(challenger_right, labelled, -1) AS challenger_low, wilson(challenger_right, labelled, 1) AS challenger_high
  FROM counted ORDER BY challenger, champion
