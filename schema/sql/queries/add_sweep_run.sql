INSERT INTO runs (sweep_id, phase, label)
SELECT ?1, ?2, substr(value, 1, 8) || '-' || ?1 FROM meta WHERE key = 'uuid'
ON CONFLICT DO NOTHING;
