INSERT INTO samples (run_id, batch, config_id, samples_us) VALUES (?1, ?2, ?3, ?4);
