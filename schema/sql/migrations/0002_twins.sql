-- Version 2: rows imported of one configuration may have been measured within the same moment, e.g. on two GPUs.

-- Numbers, from 0, rows that share the rest of their key and say different things; 0 for a sweep's.
ALTER TABLE trials ADD COLUMN twin INTEGER NOT NULL DEFAULT 0 CHECK (twin >= 0);

DROP INDEX trials_key;
CREATE UNIQUE INDEX trials_key ON trials (run_id, batch, config_id, repetition, twin);
