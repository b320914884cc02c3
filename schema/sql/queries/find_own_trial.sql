SELECT 1 FROM trials WHERE run_id = ?1 AND batch = ?2 AND config_id = ?3 AND repetition = 0 AND measured_at = ?4;
