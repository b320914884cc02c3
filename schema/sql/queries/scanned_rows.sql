SELECT t.batch, t.latency_us, t.stages_us, t.log_tail, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m,
       c.num_warps, c.num_stages, c.down_config_id
FROM trials t
CROSS JOIN configs c ON c.id = t.config_id
WHERE t.run_id = ?1 AND t.status = 'ok'
ORDER BY t.id;
