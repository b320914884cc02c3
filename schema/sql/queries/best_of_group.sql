SELECT y.batch, y.run_id, y.group_id, y.row_count, y.best_trial_id, y.best_latency_us
FROM tallies y
CROSS JOIN runs r ON r.id = y.run_id
WHERE y.group_id = ?1 AND y.status = 'ok' AND r.discarded = 0
ORDER BY y.batch, y.best_latency_us, y.best_trial_id;
