INSERT INTO kept_files (sweep_id, group_id, format, traffic_id) VALUES (?1, ?2, ?3, ?4);
