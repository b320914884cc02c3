SELECT g.id, d.name, p.num_experts, p.intermediate_size, p.hidden_size, p.topk, p.dtype, p.act_dtype, p.block_n, p.block_k,
       p.gated, p.per_channel_quant, p.router_weight_on_input, k.name, k.digest, k.compiler, g.l2, g.routing, g.origin
FROM problems p
CROSS JOIN groups g ON g.problem_id = p.id
CROSS JOIN devices d ON d.id = g.device_id
CROSS JOIN kernels k ON k.id = g.kernel_id
WHERE p.num_experts = ?1 AND p.intermediate_size = ?2;
