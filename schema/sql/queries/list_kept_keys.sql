SELECT k.batch, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages,
       c.down_config_id
FROM kept_keys k
CROSS JOIN configs c ON c.id = k.config_id
WHERE k.file_id = ?1
ORDER BY k.batch;
