SELECT n.group_id, n.batch, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages,
       c.down_config_id
FROM sweep_neighbours n
CROSS JOIN configs c ON c.id = n.config_id
WHERE n.sweep_id = ?1
ORDER BY n.batch, n.rank;
