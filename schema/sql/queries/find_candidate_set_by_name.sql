SELECT id FROM candidate_sets WHERE name = ?1 AND digest = ?2;
