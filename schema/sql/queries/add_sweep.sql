INSERT INTO sweeps (problem_id, spec, state, created_at) VALUES (?1, ?2, 'queued', ?3);
