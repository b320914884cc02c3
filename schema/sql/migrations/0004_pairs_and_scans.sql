-- Version 4: configurations whose two GEMMs have tiles of their own; and sweeps that scan a variant of their kernel
-- before they measure the kernel itself. Tables that are referred to are made anew: foreign keys are off meanwhile.

DROP TRIGGER trials_are_tallied;

CREATE TABLE new_configs (
  id INTEGER PRIMARY KEY,
  block_size_m INTEGER NOT NULL,
  block_size_n INTEGER NOT NULL,
  block_size_k INTEGER NOT NULL,
  group_size_m INTEGER NOT NULL,
  num_warps INTEGER NOT NULL,
  num_stages INTEGER NOT NULL,
  down_config_id INTEGER REFERENCES configs  -- GEMM 2's tile where it is another one
) STRICT;
INSERT INTO new_configs (id, block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages)
SELECT id, block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages FROM configs;
DROP TABLE configs;
ALTER TABLE new_configs RENAME TO configs;
CREATE UNIQUE INDEX configs_key ON configs (
  block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages, ifnull(down_config_id, 0));
CREATE TRIGGER configs_stay BEFORE UPDATE ON configs BEGIN SELECT RAISE(ABORT, 'configs are never changed'); END;
CREATE TRIGGER configs_remain BEFORE DELETE ON configs BEGIN SELECT RAISE(ABORT, 'configs are never deleted'); END;

-- Rows that were made together: by one phase of a sweep, or imported of one group under one label.
CREATE TABLE new_runs (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER REFERENCES sweeps,
  phase TEXT CHECK (phase IN ('scan', 'measure')),  -- of a sweep; only rows of phase measure are chosen from
  group_id INTEGER REFERENCES groups,               -- of an import
  label TEXT CHECK (label <> ''),                   -- NULL: imported without one
  discarded INTEGER NOT NULL DEFAULT 0 CHECK (discarded IN (0, 1)),
  CHECK ((sweep_id IS NULL) <> (group_id IS NULL)),
  CHECK ((sweep_id IS NULL) = (phase IS NULL)),
  CHECK (sweep_id IS NULL OR label IS NOT NULL)
) STRICT;
INSERT INTO new_runs (id, sweep_id, phase, group_id, label, discarded)
SELECT id, sweep_id, iif(sweep_id IS NULL, NULL, 'measure'), group_id, label, discarded FROM runs;
DROP TABLE runs;
ALTER TABLE new_runs RENAME TO runs;
CREATE UNIQUE INDEX runs_sweep ON runs (sweep_id, phase) WHERE sweep_id IS NOT NULL;
CREATE UNIQUE INDEX runs_import ON runs (group_id, ifnull(label, '')) WHERE sweep_id IS NULL;
CREATE INDEX runs_label ON runs (label);
CREATE TRIGGER runs_stay BEFORE UPDATE OF id, sweep_id, phase, group_id, label ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never changed'); END;
CREATE TRIGGER runs_stay_discarded BEFORE UPDATE OF discarded ON runs WHEN old.discarded > new.discarded
BEGIN SELECT RAISE(ABORT, 'a discarded run stays discarded'); END;
CREATE TRIGGER runs_remain BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;

-- What an unfinished sweep is doing, what a finished one ended with.
ALTER TABLE sweeps ADD COLUMN phase TEXT NOT NULL DEFAULT 'measure' CHECK (phase IN ('scan', 'measure'));

-- Of equals the one with the smallest configuration, field by field, GEMM 2's last.
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
        SELECT (c.block_size_m, c.block_size_n, c.block_size_k, c.group_size_m, c.num_warps, c.num_stages,
                ifnull(cd.block_size_n, 0), ifnull(cd.block_size_k, 0), ifnull(cd.group_size_m, 0),
                ifnull(cd.num_warps, 0), ifnull(cd.num_stages, 0))
             < (b.block_size_m, b.block_size_n, b.block_size_k, b.group_size_m, b.num_warps, b.num_stages,
                ifnull(bd.block_size_n, 0), ifnull(bd.block_size_k, 0), ifnull(bd.group_size_m, 0),
                ifnull(bd.num_warps, 0), ifnull(bd.num_stages, 0))
        FROM configs c LEFT JOIN configs cd ON cd.id = c.down_config_id,
             trials t, configs b LEFT JOIN configs bd ON bd.id = b.down_config_id
        WHERE c.id = new.config_id AND t.id = best_trial_id AND b.id = t.config_id
      ) THEN excluded.best_trial_id
      ELSE best_trial_id
    END,
    best_latency_us = min(best_latency_us, excluded.best_latency_us),
    newest_at = max(newest_at, excluded.newest_at),
    last_trial_id = excluded.last_trial_id;
END;
