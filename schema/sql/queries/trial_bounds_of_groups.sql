SELECT min(y.first_trial_id), max(y.last_trial_id)
FROM json_each(?1) wanted
CROSS JOIN tallies y ON y.group_id = wanted.value;
