SELECT id FROM candidate_sets
WHERE id > ?1 AND (?2 IS NULL OR num_experts = ?2) AND (?3 IS NULL OR intermediate_size = ?3)
  AND (?4 IS NULL OR dtype = ?4) AND (?5 IS NULL OR device = ?5) AND (?6 IS NULL OR engine = ?6)
  AND (?7 = 0 OR (block_n IS ?8 AND block_k IS ?9)) AND (?11 OR discarded = 0)
ORDER BY id
LIMIT ?10;
