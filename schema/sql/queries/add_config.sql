INSERT INTO configs (block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages, down_config_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
