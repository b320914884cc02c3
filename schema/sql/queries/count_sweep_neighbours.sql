SELECT p.num_experts, p.intermediate_size, p.hidden_size, p.topk, p.dtype, p.act_dtype, p.block_n, p.block_k, p.gated,
       p.per_channel_quant, p.router_weight_on_input, count(*)
FROM sweep_neighbours n
CROSS JOIN groups g ON g.id = n.group_id
CROSS JOIN problems p ON p.id = g.problem_id
WHERE n.sweep_id = ?1
GROUP BY p.id
ORDER BY count(*) DESC, p.id;
