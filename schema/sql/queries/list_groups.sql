SELECT g.id, d.name, p.num_experts, p.intermediate_size, p.hidden_size, p.topk, p.dtype, p.act_dtype, p.block_n, p.block_k,
       p.gated, p.per_channel_quant, p.router_weight_on_input, k.name, k.digest, k.compiler, g.l2, g.routing, g.origin
FROM groups g
CROSS JOIN problems p ON p.id = g.problem_id
CROSS JOIN devices d ON d.id = g.device_id
CROSS JOIN kernels k ON k.id = g.kernel_id
ORDER BY g.id;
