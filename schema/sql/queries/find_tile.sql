SELECT block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages, down_config_id
FROM configs
WHERE id = ?1;
