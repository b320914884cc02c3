SELECT 'specification of sweep ' || id FROM sweeps WHERE NOT json_valid(spec)
UNION ALL
SELECT 'resolution of sweep ' || id FROM sweeps WHERE resolved IS NOT NULL AND NOT json_valid(resolved)
UNION ALL
SELECT 'stages_us of trial ' || id FROM trials WHERE stages_us IS NOT NULL AND NOT json_valid(stages_us)
UNION ALL
SELECT 'stages_us of chunk ' || id FROM samples WHERE stages_us IS NOT NULL AND NOT json_valid(stages_us)
UNION ALL
SELECT 'rounds of trial ' || trial_id FROM imported_samples WHERE rounds IS NOT NULL AND NOT json_valid(rounds)
UNION ALL
SELECT 'content of candidate set ' || s.id FROM candidate_sets s
LEFT JOIN candidate_contents c ON c.set_id = s.id
WHERE NOT ifnull(json_valid(c.content), 0)
UNION ALL
SELECT 'content of routing ' || name FROM expert_counts WHERE NOT json_valid(content)
UNION ALL
SELECT 'seeds of sweep ' || sweep_id FROM sibling_seeds WHERE NOT json_valid(content);
