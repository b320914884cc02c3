-- The newest failure at run time of each candidate of a problem, less those that have since run well.
SELECT max(t.id)
FROM groups g
CROSS JOIN trials t INDEXED BY trials_failed ON t.group_id = g.id
CROSS JOIN environments e ON e.id = t.environment_id
CROSS JOIN runs r ON r.id = t.run_id
WHERE g.problem_id = ?1 AND g.kernel_id = ?2 AND g.origin = ?3 AND e.arch = ?4
  AND t.status <> 'ok' AND t.status IN ('launch_error', 'measure_timeout', 'wrong_result')
  AND r.discarded = 0
  AND NOT EXISTS (
    SELECT 1
    FROM tallies y
    CROSS JOIN trials later ON later.run_id = y.run_id AND later.batch = y.batch AND later.config_id = t.config_id
    CROSS JOIN runs later_run ON later_run.id = y.run_id
    WHERE y.group_id = t.group_id AND y.status = 'ok' AND y.batch = t.batch AND y.last_trial_id > t.id
      AND later.id > t.id AND later.status = 'ok' AND later_run.discarded = 0)
GROUP BY t.batch, t.config_id;
