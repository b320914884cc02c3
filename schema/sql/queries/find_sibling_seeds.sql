SELECT content FROM sibling_seeds WHERE sweep_id = ?1;
