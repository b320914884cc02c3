UPDATE candidate_sets SET discarded = ?2 WHERE id = ?1;
