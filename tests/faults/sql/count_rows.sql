SELECT count(*) AS n FROM cargo WHERE id >= :first
