SELECT id FROM candidate_sets
WHERE discarded = 0 AND num_experts = ?1 AND intermediate_size = ?2
  AND dtype = ?3 AND block_n IS ?4 AND block_k IS ?5
ORDER BY id DESC
LIMIT ?6;
