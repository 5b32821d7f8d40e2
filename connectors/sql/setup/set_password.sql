-- Takes a verifier, never a password. ALTER ROLE has no parameters, hence the way through a setting.
SELECT set_config('cargostream.role', :role, false), set_config('cargostream.verifier', :verifier, false);
DO $$
BEGIN
  EXECUTE format('ALTER ROLE %I PASSWORD %L', current_setting('cargostream.role'),
                 current_setting('cargostream.verifier'));
END $$;
