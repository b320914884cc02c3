-- Version 13: what a configuration took that is measured again and again while a sweep runs, on each of its GPUs, and what
-- that says of the GPU: whether it is as it was at the begin.

CREATE TABLE anchor_readings (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps,
  phase TEXT NOT NULL CHECK (phase <> ''),
  boot_id TEXT NOT NULL,  -- the run of the daemon: each looks anew what is usual
  gpu INTEGER NOT NULL CHECK (gpu >= 0),  -- its index then
  gpu_uuid TEXT NOT NULL,
  opening INTEGER NOT NULL CHECK (opening IN (0, 1)),  -- from the begin of a phase, when GPUs are compared
  batch INTEGER NOT NULL CHECK (batch > 0),
  config_id INTEGER NOT NULL REFERENCES configs,
  taken_at INTEGER NOT NULL,
  samples BLOB NOT NULL,  -- microseconds, little-endian float64
  sm_clock_mhz INTEGER,
  throttle TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('good', 'drifted', 'disturbed', 'throttled')),
  change REAL NOT NULL  -- of the median against that of the begin: 0.03 is 3 % slower
) STRICT;
CREATE INDEX anchor_readings_of_sweep ON anchor_readings (sweep_id, gpu_uuid, id);

CREATE TRIGGER anchor_readings_stay BEFORE UPDATE ON anchor_readings
BEGIN SELECT RAISE(ABORT, 'readings of anchors are never changed'); END;
CREATE TRIGGER anchor_readings_remain BEFORE DELETE ON anchor_readings
BEGIN SELECT RAISE(ABORT, 'readings of anchors are never deleted'); END;
