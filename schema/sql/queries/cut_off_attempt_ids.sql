SELECT a.id
FROM attempts a
JOIN attempt_outcomes o ON o.attempt_id = a.id
WHERE a.sweep_id = ?1 AND o.outcome = 'interrupted' AND o.detail = ?2
  AND NOT EXISTS (
    SELECT 1
    FROM attempts later
    JOIN attempt_outcomes later_outcome ON later_outcome.attempt_id = later.id
    WHERE later.sweep_id = a.sweep_id AND later.id > a.id AND later_outcome.outcome <> 'interrupted'
      AND later.artifact_key IS a.artifact_key AND later.batch IS a.batch AND later.config_id IS a.config_id)
ORDER BY a.id;
