INSERT INTO run_defaults (run_id, batch, config_id, source) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (run_id, batch) DO NOTHING;
