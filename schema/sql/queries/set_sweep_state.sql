UPDATE sweeps
SET state = ?2, started_at = ifnull(started_at, ?3), finished_at = ?4, error = ?5
WHERE id = ?1;
