SELECT t.id, i.samples_us
FROM trials t
LEFT JOIN imported_samples i ON i.trial_id = t.id
WHERE t.run_id = ?1 AND t.batch = ?2 AND t.config_id = ?3 AND t.repetition = ?4 AND t.group_id = ?5
  AND t.environment_id = ?6 AND t.status = ?7 AND t.latency_us IS ?8 AND t.measured_at = ?9 AND t.sm_clock_mhz IS ?10
  AND t.throttle IS ?11 AND t.stages_us IS ?12 AND t.log_tail IS ?13;
