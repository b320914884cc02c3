SELECT t.id
FROM trials t
WHERE t.run_id = ?1 AND t.batch = ?2 AND t.group_id = ?3 AND t.status = 'ok'
  AND (SELECT count(*) FROM samples s WHERE s.run_id = t.run_id AND s.batch = t.batch AND s.config_id = t.config_id) >= ?4
ORDER BY t.latency_us, t.id
LIMIT 1;
