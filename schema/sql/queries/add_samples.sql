INSERT INTO samples (run_id, batch, config_id, samples_us, gpu_uuid, rounds_of) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
