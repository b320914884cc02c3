INSERT INTO imported_samples (trial_id, samples_us, rounds, rounds_of) VALUES (?1, ?2, ?3, ?4);
