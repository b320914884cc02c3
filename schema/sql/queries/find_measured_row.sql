SELECT t.config_id, t.latency_us, t.measured_at, r.sweep_id, r.label, e.gpu_uuid,
       c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages, c.down_config_id,
       f.source, f.config_id, d.block_size_m, d.block_size_n, d.block_size_k, d.group_size_m, d.num_warps, d.num_stages,
       d.down_config_id, json_extract(s.spec, '$.level'), json_extract(s.spec, '$.min_gain')
FROM trials t
CROSS JOIN runs r ON r.id = t.run_id
CROSS JOIN environments e ON e.id = t.environment_id
CROSS JOIN configs c ON c.id = t.config_id
LEFT JOIN sweeps s ON s.id = r.sweep_id
LEFT JOIN run_defaults f ON f.run_id = t.run_id AND f.batch = t.batch
LEFT JOIN configs d ON d.id = f.config_id
WHERE t.id = ?1;
