SELECT t.config_id, t.latency_us, t.measured_at, r.sweep_id, r.label,
       c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages
FROM trials t
CROSS JOIN runs r ON r.id = t.run_id
CROSS JOIN configs c ON c.id = t.config_id
WHERE t.id = ?1;
