INSERT INTO anchor_readings (sweep_id, phase, boot_id, gpu, gpu_uuid, opening, batch, config_id, taken_at, samples,
                             sm_clock_mhz, throttle, state, change)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);
