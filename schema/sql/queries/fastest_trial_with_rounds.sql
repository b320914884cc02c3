SELECT t.id
FROM trials t
CROSS JOIN environments e ON e.id = t.environment_id
LEFT JOIN imported_samples i ON i.trial_id = t.id
WHERE t.run_id = ?1 AND t.batch = ?2 AND t.group_id = ?3 AND t.status = 'ok'
  AND (?5 IS NULL OR e.gpu_uuid IS NULL OR e.gpu_uuid = ?5)
  AND (?4 = 0
       OR ifnull(json_array_length(i.rounds),
                 (SELECT count(*) FROM samples s
                  WHERE s.run_id = t.run_id AND s.batch = t.batch AND s.config_id = t.config_id
                    AND (s.gpu_uuid IS NULL OR e.gpu_uuid IS NULL OR s.gpu_uuid = e.gpu_uuid))) >= ?4)
  AND (?6 = 0
       OR ?7 IS ifnull(i.rounds_of,
                       (SELECT max(s.rounds_of) FROM samples s
                        WHERE s.run_id = t.run_id AND s.batch = t.batch AND s.config_id = t.config_id
                          AND (s.gpu_uuid IS NULL OR e.gpu_uuid IS NULL OR s.gpu_uuid = e.gpu_uuid))))
ORDER BY t.latency_us, t.id
LIMIT 1;
