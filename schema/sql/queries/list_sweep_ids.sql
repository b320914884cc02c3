SELECT id FROM sweeps WHERE id > ?1 ORDER BY id LIMIT ?2;
