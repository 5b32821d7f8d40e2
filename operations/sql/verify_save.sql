-- Target.
INSERT INTO verify_state (swept_to, swept_rows, began_at, ended_at, ended_rows, cause_at, found, repaired, standing, slot,
                          refused_source, refused_target, conflicts)
VALUES (:swept_to, :swept_rows, :began_at, :ended_at, :ended_rows, :cause_at, :found, :repaired, :standing,
        CAST(:slot AS jsonb), :refused_source, :refused_target, :conflicts)
ON CONFLICT (one) DO UPDATE SET swept_to = EXCLUDED.swept_to, swept_rows = EXCLUDED.swept_rows,
  began_at = EXCLUDED.began_at, ended_at = EXCLUDED.ended_at, ended_rows = EXCLUDED.ended_rows,
  cause_at = EXCLUDED.cause_at, found = EXCLUDED.found, repaired = EXCLUDED.repaired, standing = EXCLUDED.standing,
  slot = EXCLUDED.slot, refused_source = EXCLUDED.refused_source, refused_target = EXCLUDED.refused_target,
  conflicts = EXCLUDED.conflicts
RETURNING one
