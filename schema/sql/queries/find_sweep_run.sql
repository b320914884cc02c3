SELECT id FROM runs WHERE sweep_id = ?1 AND phase = ?2;
