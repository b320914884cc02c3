DELETE FROM artifacts WHERE key = ?1;
