-- Version 2: rows imported of one configuration may have been measured within the same moment, e.g. on two GPUs; and of
-- equally fast rows of a sweep the best is the same whatever the order in which they were measured.

-- Numbers, from 0, rows that share the rest of their key and say different things; 0 for a sweep's.
ALTER TABLE trials ADD COLUMN twin INTEGER NOT NULL DEFAULT 0 CHECK (twin >= 0);

DROP INDEX trials_key;
CREATE UNIQUE INDEX trials_key ON trials (run_id, batch, config_id, repetition, twin);

-- Of equals the one with the smallest configuration, field by field.
DROP TRIGGER trials_are_tallied;
CREATE TRIGGER trials_are_tallied AFTER INSERT ON trials
BEGIN
  INSERT INTO tallies (group_id, status, batch, run_id, row_count, best_trial_id, best_latency_us, newest_at,
                       first_trial_id, last_trial_id)
  VALUES (new.group_id, new.status, new.batch, new.run_id, 1, iif(new.status = 'ok', new.id, NULL), new.latency_us,
          new.measured_at, new.id, new.id)
  ON CONFLICT (group_id, status, batch, run_id) DO UPDATE SET
    row_count = row_count + 1,
    best_trial_id = CASE
      WHEN excluded.best_latency_us < best_latency_us THEN excluded.best_trial_id
      WHEN excluded.best_latency_us = best_latency_us AND (
        SELECT (c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages)
             < (b.block_size_m, b.block_size_n, b.block_size_k, b.group_size_m, b.num_warps, b.num_stages)
        FROM configs c, trials t, configs b
        WHERE c.id = new.config_id AND t.id = best_trial_id AND b.id = t.config_id
      ) THEN excluded.best_trial_id
      ELSE best_trial_id
    END,
    best_latency_us = min(best_latency_us, excluded.best_latency_us),
    newest_at = max(newest_at, excluded.newest_at),
    last_trial_id = excluded.last_trial_id;
END;
