SELECT id FROM configs
WHERE block_size_m = ?1 AND block_size_n = ?2 AND block_size_k = ?3 AND group_size_m = ?4 AND num_warps = ?5
  AND num_stages = ?6 AND ifnull(down_config_id, 0) = ifnull(?7, 0);
