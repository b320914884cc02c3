SELECT a.id
FROM attempts a
LEFT JOIN attempt_outcomes o ON o.attempt_id = a.id
LEFT JOIN open_attempts p ON p.attempt_id = a.id
WHERE (o.attempt_id IS NULL) <> (p.attempt_id IS NOT NULL);
