-- Either server. Records refused since the one with an id that nobody has handled, and the newest of them all. Ids are
-- handed out before they are committed, so that the youngest are left for later.
SELECT count(*) FILTER (WHERE handled IS NULL) AS records, coalesce(max(id), :after) AS newest,
       string_agg(DISTINCT topic, ', ') FILTER (WHERE handled IS NULL) AS topics
  FROM refused WHERE id > :after AND refused_at < clock_timestamp() - make_interval(secs => :settle)
