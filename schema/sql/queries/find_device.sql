SELECT id FROM devices WHERE name = ?1;
