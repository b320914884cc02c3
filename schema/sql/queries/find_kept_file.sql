SELECT f.id, f.sweep_id, f.traffic_id
FROM kept_files f
CROSS JOIN runs r ON r.sweep_id = f.sweep_id
WHERE f.group_id = ?1 AND f.format = ?2 AND r.discarded = 0
ORDER BY f.id DESC
LIMIT 1;
