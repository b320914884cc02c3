SELECT t.batch, t.run_id, t.group_id, 1, t.id
FROM tallies y
CROSS JOIN runs r ON r.id = y.run_id
CROSS JOIN trials t ON t.run_id = y.run_id AND t.batch = y.batch AND t.group_id = y.group_id AND t.status = 'ok'
CROSS JOIN configs c ON c.id = t.config_id
WHERE y.group_id = ?1 AND y.batch = ?2 AND y.status = 'ok' AND r.discarded = 0 AND c.down_config_id IS NULL
  AND (?3 = 0 OR r.sweep_id IS NULL
       OR EXISTS (SELECT 1 FROM sweeps s WHERE s.id = r.sweep_id AND s.state = 'done'))
ORDER BY t.latency_us, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages, t.id
LIMIT 1;
