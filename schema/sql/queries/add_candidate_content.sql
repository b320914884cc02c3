INSERT INTO candidate_contents (set_id, content) VALUES (?1, ?2);
