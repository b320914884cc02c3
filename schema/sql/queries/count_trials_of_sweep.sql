SELECT y.status, sum(y.row_count)
FROM runs r
CROSS JOIN tallies y ON y.run_id = r.id
WHERE r.sweep_id = ?1
GROUP BY y.status;
