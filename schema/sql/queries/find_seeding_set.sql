SELECT name, device, unusable FROM candidate_sets WHERE id = ?1;
