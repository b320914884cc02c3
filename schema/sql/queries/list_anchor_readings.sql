SELECT a.phase, a.boot_id, a.gpu, a.gpu_uuid, a.opening, a.batch, a.taken_at, a.samples, a.sm_clock_mhz, a.throttle,
       a.state, a.change, c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages,
       c.down_config_id
FROM anchor_readings a
CROSS JOIN configs c ON c.id = a.config_id
WHERE a.sweep_id = ?1
ORDER BY a.gpu, a.gpu_uuid, a.id;
