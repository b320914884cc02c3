SELECT samples_us FROM imported_samples WHERE trial_id = ?1;
