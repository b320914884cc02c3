SELECT min(y.first_trial_id), max(y.last_trial_id)
FROM runs r
CROSS JOIN tallies y ON y.run_id = r.id
WHERE r.sweep_id = ?1;
