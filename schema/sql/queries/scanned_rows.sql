SELECT t.batch, ifnull(t.latency_us, 0), t.stages_us, t.log_tail, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m,
       c.num_warps, c.num_stages, c.down_config_id, t.status, e.gpu_uuid, t.measured_at
FROM trials t
CROSS JOIN configs c ON c.id = t.config_id
CROSS JOIN environments e ON e.id = t.environment_id
WHERE t.run_id = ?1
ORDER BY t.id;
