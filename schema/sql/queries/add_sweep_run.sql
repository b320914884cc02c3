INSERT INTO runs (sweep_id, label) SELECT ?1, substr(value, 1, 8) || '-' || ?1 FROM meta WHERE key = 'uuid';
