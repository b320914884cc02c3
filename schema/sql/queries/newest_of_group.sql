SELECT max(y.newest_at)
FROM tallies y
CROSS JOIN runs r ON r.id = y.run_id
WHERE y.group_id = ?1 AND y.status = 'ok' AND r.discarded = 0;
