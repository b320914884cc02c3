INSERT INTO traffic_batches (import_id, tokens, steps, time_ms) VALUES (?1, ?2, ?3, ?4);
