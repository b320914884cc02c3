SELECT id, status FROM trials
WHERE run_id = ?1 AND batch = ?2 AND config_id = ?3 AND group_id = ?4
ORDER BY status <> 'ok', latency_us, id
LIMIT 1;
