-- Version 12: which GPU a batch of a sweep belongs to. All its rows come from one, so that they can be compared; a sweep
-- on several GPUs finds out which while it runs, and has to know when it goes on. A GPU that is gone leaves its batches
-- to another: the last one counts.

CREATE TABLE sweep_batches (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps,
  phase TEXT NOT NULL CHECK (phase <> ''),
  batch INTEGER NOT NULL CHECK (batch > 0),
  gpu_uuid TEXT NOT NULL CHECK (gpu_uuid <> '')
) STRICT;
CREATE UNIQUE INDEX sweep_batches_key ON sweep_batches (sweep_id, phase, batch, gpu_uuid);

CREATE TRIGGER sweep_batches_stay BEFORE UPDATE ON sweep_batches
BEGIN SELECT RAISE(ABORT, 'where a batch was measured is never changed'); END;
CREATE TRIGGER sweep_batches_remain BEFORE DELETE ON sweep_batches
BEGIN SELECT RAISE(ABORT, 'where a batch was measured is never deleted'); END;
