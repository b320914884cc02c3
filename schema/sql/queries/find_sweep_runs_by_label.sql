SELECT id FROM runs WHERE label = ?1 AND sweep_id IS NOT NULL;
