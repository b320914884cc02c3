SELECT t.id, t.run_id, t.config_id, t.latency_us, t.measured_at, r.sweep_id, t.batch,
       c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages, c.down_config_id,
       e.gpu_uuid
FROM trials b
CROSS JOIN runs r ON r.id = b.run_id
CROSS JOIN trials t ON t.run_id = b.run_id AND t.batch = b.batch AND t.group_id = b.group_id AND t.status = 'ok'
CROSS JOIN configs c ON c.id = t.config_id
CROSS JOIN environments o ON o.id = b.environment_id
CROSS JOIN environments e ON e.id = t.environment_id
WHERE b.id = ?1 AND (o.gpu_uuid IS NULL OR e.gpu_uuid IS NULL OR e.gpu_uuid = o.gpu_uuid)
ORDER BY t.latency_us, t.id;
