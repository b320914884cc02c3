SELECT DISTINCT s.id, r.label
FROM tallies y
CROSS JOIN runs r ON r.id = y.run_id
CROSS JOIN sweeps s ON s.id = r.sweep_id
WHERE y.group_id = ?1 AND y.status = 'ok' AND r.discarded = 0 AND s.state <> 'done'
ORDER BY s.id;
