INSERT INTO expert_counts (name, content, added_at) VALUES (?1, ?2, ?3);
