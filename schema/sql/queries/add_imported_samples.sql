INSERT INTO imported_samples (trial_id, samples_us) VALUES (?1, ?2);
