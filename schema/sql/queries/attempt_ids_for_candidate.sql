SELECT id FROM attempts WHERE sweep_id = ?1 AND batch = ?2 AND config_id = ?3 ORDER BY id;
