INSERT INTO samples (run_id, batch, config_id, samples_us, gpu_uuid, measured_at, sm_clock_mhz, throttle, stages_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
