INSERT INTO attempt_outcomes (attempt_id, outcome, detail, ended_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (attempt_id) DO NOTHING;
