UPDATE runs SET discarded = 1 WHERE sweep_id = ?1;
