SELECT samples_us, rounds, rounds_of FROM imported_samples WHERE trial_id = ?1;
