SELECT samples_us FROM samples WHERE run_id = ?1 AND batch = ?2 AND config_id = ?3 ORDER BY id;
