INSERT INTO attempts (sweep_id, kind, artifact_key, batch, config_id, boot_id, alone, started_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
