-- The statement that makes the database, or no row where there is one.
SELECT format('CREATE DATABASE %I ENCODING ''UTF8'' TEMPLATE template0', CAST(:name AS text))
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :name)
