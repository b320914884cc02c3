SELECT id FROM attempts WHERE sweep_id = ?1 AND artifact_key = ?2 ORDER BY id;
