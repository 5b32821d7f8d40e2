-- Source. The newest ids, and the seconds since each row was written.
SELECT id, extract(epoch FROM now() - "timestamp")::float AS age_s FROM cargo ORDER BY id DESC LIMIT :limit
