SELECT y.batch, y.run_id, y.group_id, y.row_count, y.best_trial_id, y.best_latency_us
FROM tallies y
WHERE y.run_id = ?1 AND y.status = 'ok'
ORDER BY y.batch, y.best_latency_us, y.best_trial_id;
