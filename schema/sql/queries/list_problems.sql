SELECT p.num_experts, p.intermediate_size, p.hidden_size, p.topk, p.dtype, p.act_dtype, p.block_n, p.block_k, p.gated,
       p.per_channel_quant, p.router_weight_on_input,
       p.id, sum(y.row_count), sum(iif(y.status = 'ok', y.row_count, 0)), max(y.newest_at)
FROM problems p
CROSS JOIN groups g ON g.problem_id = p.id
CROSS JOIN tallies y ON y.group_id = g.id
CROSS JOIN runs r ON r.id = y.run_id
WHERE p.id > ?1 AND r.discarded = 0
GROUP BY p.id
ORDER BY p.id
LIMIT ?2;
