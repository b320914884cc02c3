SELECT f.batch, f.source, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages,
       c.down_config_id
FROM run_defaults f
CROSS JOIN configs c ON c.id = f.config_id
WHERE f.run_id = ?1
ORDER BY f.batch;
