SELECT ifnull(max(twin) + 1, 0) FROM trials WHERE run_id = ?1 AND batch = ?2 AND config_id = ?3 AND repetition = ?4;
