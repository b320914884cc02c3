SELECT d.id, d.name, sum(y.row_count), max(y.newest_at)
FROM devices d
CROSS JOIN groups g ON g.device_id = d.id
CROSS JOIN tallies y ON y.group_id = g.id
CROSS JOIN runs r ON r.id = y.run_id
WHERE d.id > ?1 AND r.discarded = 0
GROUP BY d.id
ORDER BY d.id
LIMIT ?2;
