INSERT INTO kept_keys (file_id, batch, config_id) VALUES (?1, ?2, ?3);
