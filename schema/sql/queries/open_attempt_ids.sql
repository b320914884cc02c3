SELECT a.id
FROM open_attempts o
CROSS JOIN attempts a ON a.id = o.attempt_id
WHERE a.sweep_id = ?1
ORDER BY a.id;
