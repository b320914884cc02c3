SELECT count(*)
FROM runs r
CROSS JOIN trials t ON t.run_id = r.id
CROSS JOIN environments e ON e.id = t.environment_id
WHERE r.sweep_id = ?1 AND e.gpu_uuid = ?2 AND t.status = 'ok' AND t.measured_at >= ?3
  AND (?4 IS NULL OR t.measured_at <= ?4);
