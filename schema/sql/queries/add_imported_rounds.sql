UPDATE imported_samples SET rounds = ?2, rounds_of = ?3 WHERE trial_id = ?1 AND rounds IS NULL;
