-- Of the rows that took no turns with the one whose turns are those of ?5 and which was measured last at ?6: in the
-- turns of another sweep, or alone after it.
SELECT id FROM (
  SELECT t.id, t.latency_us, t.measured_at,
         ifnull(json_array_length(i.rounds),
                (SELECT count(*) FROM samples s
                 WHERE s.run_id = t.run_id AND s.batch = t.batch AND s.config_id = t.config_id
                   AND (s.gpu_uuid IS NULL OR e.gpu_uuid IS NULL OR s.gpu_uuid = e.gpu_uuid))) AS chunks,
         ifnull(i.rounds_of,
                (SELECT max(s.rounds_of) FROM samples s
                 WHERE s.run_id = t.run_id AND s.batch = t.batch AND s.config_id = t.config_id
                   AND (s.gpu_uuid IS NULL OR e.gpu_uuid IS NULL OR s.gpu_uuid = e.gpu_uuid))) AS turns
  FROM trials t
  CROSS JOIN environments e ON e.id = t.environment_id
  LEFT JOIN imported_samples i ON i.trial_id = t.id
  WHERE t.run_id = ?1 AND t.batch = ?2 AND t.group_id = ?3 AND t.status = 'ok'
    AND (?4 IS NULL OR e.gpu_uuid IS NULL OR e.gpu_uuid = ?4)
)
WHERE (chunks >= 2 AND turns IS NOT ?5) OR (chunks < 2 AND measured_at > ?6)
ORDER BY latency_us, id
LIMIT 1;
