INSERT INTO trials (run_id, group_id, environment_id, config_id, batch, repetition, twin, status, latency_us,
                    measured_at, sm_clock_mhz, throttle, stages_us, log_tail)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT (run_id, batch, config_id, repetition, twin) DO NOTHING;
