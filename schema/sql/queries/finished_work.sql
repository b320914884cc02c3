SELECT (SELECT count(*) FROM sweeps WHERE state = 'done'),
       (SELECT count(*) FROM runs WHERE discarded = 1),
       (SELECT ifnull(sum(y.row_count), 0) FROM runs r CROSS JOIN tallies y ON y.run_id = r.id WHERE r.sweep_id IS NULL);
