SELECT id FROM runs WHERE sweep_id IS NULL AND group_id = ?1 AND ifnull(label, '') = ifnull(?2, '');
