SELECT measured_at, sm_clock_mhz, throttle, stages_us
FROM samples
WHERE run_id = ?1 AND batch = ?2 AND config_id = ?3 AND (?4 IS NULL OR gpu_uuid IS NULL OR gpu_uuid = ?4)
ORDER BY id DESC
LIMIT 1;
