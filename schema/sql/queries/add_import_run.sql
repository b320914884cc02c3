INSERT INTO runs (group_id, label) VALUES (?1, ?2);
