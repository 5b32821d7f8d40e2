-- Source. The newest ids.
SELECT id FROM cargo ORDER BY id DESC LIMIT :limit
