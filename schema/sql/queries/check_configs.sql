SELECT c.id
FROM configs c
JOIN configs d ON d.id = c.down_config_id
WHERE d.down_config_id IS NOT NULL OR d.block_size_m <> c.block_size_m
  OR (d.block_size_n = c.block_size_n AND d.block_size_k = c.block_size_k AND d.group_size_m = c.group_size_m
      AND d.num_warps = c.num_warps AND d.num_stages = c.num_stages);
