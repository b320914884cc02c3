SELECT min(first_trial_id), max(last_trial_id) FROM tallies WHERE run_id = ?1;
