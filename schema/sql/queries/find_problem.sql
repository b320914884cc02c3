SELECT id FROM problems
WHERE num_experts = ?1 AND intermediate_size = ?2 AND hidden_size = ?3 AND topk = ?4 AND dtype = ?5 AND act_dtype = ?6
  AND ifnull(block_n, -1) = ifnull(?7, -1) AND ifnull(block_k, -1) = ifnull(?8, -1) AND gated = ?9
  AND per_channel_quant = ?10 AND router_weight_on_input = ?11;
