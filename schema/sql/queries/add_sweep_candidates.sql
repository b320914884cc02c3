INSERT INTO sweep_candidates (sweep_id, set_id, candidate_count, left_out) VALUES (?1, ?2, ?3, ?4);
