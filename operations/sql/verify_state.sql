-- Target. How far the verification has come; no row before its first round.
SELECT swept_to, swept_rows, began_at, ended_at, ended_rows, cause_at, found, repaired, standing, slot,
       refused_source, refused_target, conflicts
  FROM verify_state
