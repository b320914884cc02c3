SELECT id FROM runs WHERE sweep_id = ?1;
