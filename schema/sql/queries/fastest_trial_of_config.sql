SELECT t.id, t.status, t.latency_us, t.measured_at, i.trial_id, e.gpu_uuid
FROM trials t
CROSS JOIN environments e ON e.id = t.environment_id
LEFT JOIN imported_samples i ON i.trial_id = t.id
WHERE t.run_id = ?1 AND t.batch = ?2 AND t.config_id = ?3 AND t.group_id = ?4
  AND (?5 IS NULL OR e.gpu_uuid IS NULL OR e.gpu_uuid = ?5)
ORDER BY t.status <> 'ok', t.latency_us, t.id
LIMIT 1;
