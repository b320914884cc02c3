SELECT t.id, t.status, t.latency_us, t.measured_at, i.samples_us
FROM trials t
LEFT JOIN imported_samples i ON i.trial_id = t.id
WHERE t.run_id = ?1 AND t.batch = ?2 AND t.config_id = ?3 AND t.group_id = ?4
ORDER BY t.status <> 'ok', t.latency_us, t.id
LIMIT 1;
