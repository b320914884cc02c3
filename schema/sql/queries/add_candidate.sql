INSERT INTO candidates (set_id, batch, config_id) VALUES (?1, ?2, ?3);
