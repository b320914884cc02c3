-- The few that were cut off come first, whatever SQLite thinks of the sizes: each asks for what came after it.
SELECT a.id
FROM attempt_outcomes o
CROSS JOIN attempts a ON a.id = o.attempt_id
WHERE o.outcome = 'interrupted' AND o.detail = ?2 AND a.sweep_id = ?1
  AND NOT EXISTS (
    SELECT 1
    FROM attempts later
    CROSS JOIN attempt_outcomes later_outcome ON later_outcome.attempt_id = later.id
    WHERE later.sweep_id = a.sweep_id AND later.artifact_key = a.artifact_key AND later.id > a.id
      AND later.batch IS a.batch AND later.config_id IS a.config_id AND later_outcome.outcome <> 'interrupted')
  AND NOT EXISTS (
    SELECT 1
    FROM attempts later
    CROSS JOIN attempt_outcomes later_outcome ON later_outcome.attempt_id = later.id
    WHERE later.sweep_id = a.sweep_id AND later.batch = a.batch AND later.config_id = a.config_id AND later.id > a.id
      AND later.artifact_key IS a.artifact_key AND later_outcome.outcome <> 'interrupted')
ORDER BY a.id;
