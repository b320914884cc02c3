-- The newest compile failure of each configuration, less those whose own group has since seen it compile.
SELECT max(t.id)
FROM groups g
CROSS JOIN problems p ON p.id = g.problem_id
CROSS JOIN trials t INDEXED BY trials_failed ON t.group_id = g.id
CROSS JOIN environments e ON e.id = t.environment_id
CROSS JOIN runs r ON r.id = t.run_id
WHERE g.kernel_id = ?1 AND g.origin = ?2 AND e.arch = ?3 AND p.dtype = ?4 AND p.act_dtype = ?5 AND p.block_n IS ?6
  AND p.block_k IS ?7 AND p.per_channel_quant = ?8 AND p.router_weight_on_input = ?9
  AND t.status <> 'ok' AND t.status IN ('out_of_resources', 'compile_error', 'compiler_crash', 'compile_timeout')
  AND r.discarded = 0
  AND NOT EXISTS (
    SELECT 1
    FROM tallies y
    CROSS JOIN trials later ON later.run_id = y.run_id AND later.batch = y.batch AND later.config_id = t.config_id
    CROSS JOIN runs later_run ON later_run.id = y.run_id
    WHERE y.group_id = t.group_id AND y.status IN ('ok', 'launch_error', 'measure_timeout', 'wrong_result')
      AND y.last_trial_id > t.id AND later.id > t.id AND later.status = y.status AND later_run.discarded = 0)
GROUP BY t.config_id;
