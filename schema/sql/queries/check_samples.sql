SELECT 'imported, of trial ' || i.trial_id
FROM imported_samples i
CROSS JOIN trials t ON t.id = i.trial_id
CROSS JOIN runs r ON r.id = t.run_id
WHERE r.sweep_id IS NOT NULL
UNION ALL
SELECT 'chunk ' || s.id
FROM samples s
CROSS JOIN runs r ON r.id = s.run_id
WHERE r.sweep_id IS NULL;
