SELECT samples_us, rounds_of FROM samples
WHERE run_id = ?1 AND batch = ?2 AND config_id = ?3 AND (?4 IS NULL OR gpu_uuid IS NULL OR gpu_uuid = ?4)
ORDER BY id;
