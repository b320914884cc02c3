-- Version 3: problems whose first GEMM multiplies by the router's weights, not the second (Llama 4). No earlier version
-- could measure one.

ALTER TABLE problems ADD COLUMN router_weight_on_input INTEGER NOT NULL DEFAULT 0
  CHECK (router_weight_on_input IN (0, 1));

DROP INDEX problems_key;
CREATE UNIQUE INDEX problems_key ON problems (
  num_experts, intermediate_size, hidden_size, topk, dtype, act_dtype, ifnull(block_n, -1), ifnull(block_k, -1), gated,
  per_channel_quant, router_weight_on_input);

-- What unfinished sweeps began with, as a sweep that goes on compares it with what it finds.
UPDATE sweeps SET resolved = json_set(resolved, '$.router_weight_on_input', json('false'))
WHERE state IN ('queued', 'running', 'paused') AND json_type(resolved, '$.per_channel_quant') IS NOT NULL;
