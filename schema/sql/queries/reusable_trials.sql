SELECT t.id, max(t.measured_at)
FROM tallies y
CROSS JOIN runs r ON r.id = y.run_id
CROSS JOIN trials t ON t.run_id = y.run_id AND t.batch = y.batch
WHERE y.group_id = ?1 AND y.status = 'ok' AND r.discarded = 0 AND t.group_id = ?1 AND t.status = 'ok'
GROUP BY t.batch, t.config_id;
