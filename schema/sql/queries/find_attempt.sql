SELECT a.id, a.sweep_id, a.kind, a.artifact_key, a.batch, a.boot_id, a.alone, a.started_at, o.outcome, o.detail,
       o.ended_at, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages,
       c.down_config_id
FROM attempts a
LEFT JOIN attempt_outcomes o ON o.attempt_id = a.id
LEFT JOIN configs c ON c.id = a.config_id
WHERE a.id = ?1;
