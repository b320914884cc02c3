INSERT INTO sibling_seeds (sweep_id, content) VALUES (?1, ?2);
