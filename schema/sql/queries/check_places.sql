SELECT t.id
FROM trials t
CROSS JOIN runs r ON r.id = t.run_id
CROSS JOIN groups g ON g.id = t.group_id
CROSS JOIN environments e ON e.id = t.environment_id
WHERE e.device_id <> g.device_id
  OR (r.sweep_id IS NOT NULL AND (t.repetition <> 0 OR t.twin <> 0))
  OR (r.sweep_id IS NULL AND (t.repetition <> t.measured_at OR t.group_id <> r.group_id OR g.origin = 'measured'));
