SELECT x.set_id, s.name, x.candidate_count, x.left_out
FROM sweep_candidates x
CROSS JOIN candidate_sets s ON s.id = x.set_id
WHERE x.sweep_id = ?1
ORDER BY x.set_id;
