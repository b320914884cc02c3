INSERT INTO problems (num_experts, intermediate_size, hidden_size, topk, dtype, act_dtype, block_n, block_k, gated,
                      per_channel_quant, router_weight_on_input)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
