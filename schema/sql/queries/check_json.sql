SELECT 'specification of sweep ' || id FROM sweeps WHERE NOT json_valid(spec)
UNION ALL
SELECT 'resolution of sweep ' || id FROM sweeps WHERE resolved IS NOT NULL AND NOT json_valid(resolved)
UNION ALL
SELECT 'stages_us of trial ' || id FROM trials WHERE stages_us IS NOT NULL AND NOT json_valid(stages_us)
UNION ALL
SELECT 'content of candidate set ' || id FROM candidate_sets WHERE NOT json_valid(content);
