-- Version 17: what a round told beside its samples, so that a row which comes after the daemon was started anew has it too.

ALTER TABLE samples ADD COLUMN measured_at INTEGER;
ALTER TABLE samples ADD COLUMN sm_clock_mhz INTEGER;
ALTER TABLE samples ADD COLUMN throttle TEXT;
ALTER TABLE samples ADD COLUMN stages_us TEXT;  -- JSON
