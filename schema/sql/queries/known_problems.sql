SELECT p.num_experts, p.intermediate_size, p.hidden_size, p.topk, p.dtype, p.act_dtype, p.block_n, p.block_k, p.gated,
       p.per_channel_quant, p.router_weight_on_input
FROM problems p
WHERE EXISTS (
  SELECT 1
  FROM groups g
  CROSS JOIN tallies y ON y.group_id = g.id AND y.status = 'ok'
  CROSS JOIN runs r ON r.id = y.run_id
  WHERE g.problem_id = p.id AND r.discarded = 0 AND r.phase IS NOT 'scan')
ORDER BY p.id;
