SELECT t.id, r.discarded, r.sweep_id, r.label, t.run_id, t.config_id, t.batch, t.status, t.latency_us, t.measured_at,
       t.sm_clock_mhz, t.throttle, t.stages_us, t.log_tail, e.arch, e.gpu_uuid, e.driver, e.tool_version,
       c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages, c.down_config_id,
       d.name, p.num_experts, p.intermediate_size, p.hidden_size, p.topk, p.dtype, p.act_dtype, p.block_n, p.block_k,
       p.gated, p.per_channel_quant, p.router_weight_on_input, k.name, k.digest, k.compiler, g.l2, g.routing, g.origin
FROM trials t
CROSS JOIN runs r ON r.id = t.run_id
CROSS JOIN environments e ON e.id = t.environment_id
CROSS JOIN configs c ON c.id = t.config_id
CROSS JOIN groups g ON g.id = t.group_id
CROSS JOIN devices d ON d.id = g.device_id
CROSS JOIN problems p ON p.id = g.problem_id
CROSS JOIN kernels k ON k.id = g.kernel_id
WHERE t.id = ?1;
