-- The results database, version 1. Times are milliseconds since 1970 (UTC), latencies microseconds. Everything but the
-- state of a sweep, the flag of a run and the bookkeeping tables (tallies, open_attempts) is written once.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('uuid', lower(hex(randomblob(16))));

-- What rows must share to be compared: device, problem, kernel, and the conditions named in groups.

CREATE TABLE devices (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE problems (
  id INTEGER PRIMARY KEY,
  num_experts INTEGER NOT NULL CHECK (num_experts > 0),
  intermediate_size INTEGER NOT NULL CHECK (intermediate_size > 0),
  hidden_size INTEGER NOT NULL CHECK (hidden_size > 0),
  topk INTEGER NOT NULL CHECK (topk > 0),
  dtype TEXT NOT NULL,  -- empty: not quantised
  act_dtype TEXT NOT NULL,
  block_n INTEGER,
  block_k INTEGER,
  gated INTEGER NOT NULL CHECK (gated IN (0, 1)),
  per_channel_quant INTEGER NOT NULL CHECK (per_channel_quant IN (0, 1)),
  CHECK ((block_n IS NULL) = (block_k IS NULL))
) STRICT;
CREATE UNIQUE INDEX problems_key ON problems (
  num_experts, intermediate_size, hidden_size, topk, dtype, act_dtype, ifnull(block_n, -1), ifnull(block_k, -1), gated,
  per_channel_quant);

CREATE TABLE kernels (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  compiler TEXT NOT NULL,
  UNIQUE (name, digest, compiler)
) STRICT;

CREATE TABLE groups (
  id INTEGER PRIMARY KEY,
  problem_id INTEGER NOT NULL REFERENCES problems,
  device_id INTEGER NOT NULL REFERENCES devices,
  kernel_id INTEGER NOT NULL REFERENCES kernels,
  l2 TEXT NOT NULL CHECK (l2 IN ('cold', 'warm')),
  routing TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('measured', 'recorded', 'imported')),
  UNIQUE (problem_id, device_id, kernel_id, l2, routing, origin)
) STRICT;
CREATE INDEX groups_device ON groups (device_id);
CREATE INDEX groups_kernel ON groups (kernel_id);

CREATE TABLE configs (
  id INTEGER PRIMARY KEY,
  block_size_m INTEGER NOT NULL,
  block_size_n INTEGER NOT NULL,
  block_size_k INTEGER NOT NULL,
  group_size_m INTEGER NOT NULL,
  num_warps INTEGER NOT NULL,
  num_stages INTEGER NOT NULL,
  UNIQUE (block_size_m, block_size_n, block_size_k, group_size_m, num_warps, num_stages)
) STRICT;

-- The machine and software that a row was made with, as far as rows of one group may differ in it.
CREATE TABLE environments (
  id INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES devices,
  arch TEXT NOT NULL,
  gpu_uuid TEXT,
  driver TEXT,
  tool_version TEXT
) STRICT;
CREATE UNIQUE INDEX environments_key ON environments (
  device_id, arch, ifnull(gpu_uuid, ''), ifnull(driver, ''), ifnull(tool_version, ''));

CREATE TABLE sweeps (
  id INTEGER PRIMARY KEY,
  problem_id INTEGER NOT NULL REFERENCES problems,
  spec TEXT NOT NULL,  -- JSON, as asked for
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
  resolved TEXT,  -- JSON, what the scheduler made of it
  total INTEGER CHECK (total >= 0),
  not_recorded INTEGER NOT NULL DEFAULT 0 CHECK (not_recorded >= 0),
  compiles_done INTEGER NOT NULL DEFAULT 0,
  compiles_cached INTEGER NOT NULL DEFAULT 0,
  compiles_failed INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  error TEXT NOT NULL DEFAULT '',
  CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'failed', 'cancelled'))),
  CHECK ((resolved IS NULL) = (total IS NULL))
) STRICT;
CREATE INDEX sweeps_unfinished ON sweeps (state) WHERE state IN ('queued', 'running', 'paused');

-- Rows that were made together: by one sweep, or imported of one group under one label.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER UNIQUE REFERENCES sweeps,
  group_id INTEGER REFERENCES groups,  -- of an import
  label TEXT CHECK (label <> ''),      -- NULL: imported without one
  discarded INTEGER NOT NULL DEFAULT 0 CHECK (discarded IN (0, 1)),
  CHECK ((sweep_id IS NULL) <> (group_id IS NULL)),
  CHECK (sweep_id IS NULL OR label IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX runs_import ON runs (group_id, ifnull(label, '')) WHERE sweep_id IS NULL;
CREATE INDEX runs_label ON runs (label);

-- What the engine uses for a batch when it has no file: the competitor of the rows of that run.
CREATE TABLE run_defaults (
  run_id INTEGER NOT NULL REFERENCES runs,
  batch INTEGER NOT NULL CHECK (batch > 0),
  config_id INTEGER NOT NULL REFERENCES configs,
  source TEXT NOT NULL,
  PRIMARY KEY (run_id, batch)
) STRICT, WITHOUT ROWID;

CREATE TABLE trials (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs,
  group_id INTEGER NOT NULL REFERENCES groups,
  environment_id INTEGER NOT NULL REFERENCES environments,
  config_id INTEGER NOT NULL REFERENCES configs,
  batch INTEGER NOT NULL CHECK (batch > 0),
  repetition INTEGER NOT NULL,  -- 0 for a sweep's; measured_at for an imported row, whose measurement may be repeated
  status TEXT NOT NULL CHECK (status IN ('ok', 'out_of_resources', 'compile_error', 'compiler_crash', 'compile_timeout',
                                         'launch_error', 'measure_timeout', 'wrong_result')),
  latency_us REAL CHECK (latency_us > 0),
  measured_at INTEGER NOT NULL,
  sm_clock_mhz INTEGER,
  throttle TEXT,
  stages_us TEXT,  -- JSON
  log_tail TEXT,
  CHECK ((status = 'ok') = (latency_us IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX trials_key ON trials (run_id, batch, config_id, repetition);
CREATE INDEX trials_failed ON trials (group_id, config_id) WHERE status <> 'ok';

-- Samples of a sweep's candidate as they arrived, each chunk little-endian float64 microseconds; the trial comes later.
CREATE TABLE samples (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs,
  batch INTEGER NOT NULL,
  config_id INTEGER NOT NULL REFERENCES configs,
  samples_us BLOB NOT NULL CHECK (length(samples_us) > 0 AND length(samples_us) % 8 = 0)
) STRICT;
CREATE INDEX samples_key ON samples (run_id, batch, config_id);

-- Samples that came with an imported row.
CREATE TABLE imported_samples (
  trial_id INTEGER PRIMARY KEY REFERENCES trials,
  samples_us BLOB NOT NULL CHECK (length(samples_us) > 0 AND length(samples_us) % 8 = 0)
) STRICT;

-- Jobs given to workers. One without an outcome was in flight when the daemon ended.
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps,
  kind TEXT NOT NULL CHECK (kind IN ('compile', 'measure')),
  artifact_key TEXT,
  batch INTEGER,
  config_id INTEGER REFERENCES configs,
  boot_id TEXT NOT NULL,
  alone INTEGER NOT NULL CHECK (alone IN (0, 1)),
  started_at INTEGER NOT NULL,
  CHECK (artifact_key IS NOT NULL OR batch IS NOT NULL),
  CHECK ((batch IS NULL) = (config_id IS NULL))
) STRICT;
CREATE INDEX attempts_artifact ON attempts (sweep_id, artifact_key) WHERE artifact_key IS NOT NULL;
CREATE INDEX attempts_candidate ON attempts (sweep_id, batch, config_id) WHERE batch IS NOT NULL;

CREATE TABLE attempt_outcomes (
  attempt_id INTEGER PRIMARY KEY REFERENCES attempts,
  outcome TEXT NOT NULL CHECK (outcome IN ('answered', 'worker_failed', 'timed_out', 'interrupted')),
  detail TEXT NOT NULL,
  ended_at INTEGER NOT NULL
) STRICT;

-- Kept by triggers in the transaction of the rows that they sum up.

CREATE TABLE tallies (
  group_id INTEGER NOT NULL REFERENCES groups,
  status TEXT NOT NULL,
  batch INTEGER NOT NULL,
  run_id INTEGER NOT NULL REFERENCES runs,
  row_count INTEGER NOT NULL,
  best_trial_id INTEGER REFERENCES trials,  -- fastest ok row, of equals the first
  best_latency_us REAL,
  newest_at INTEGER NOT NULL,
  first_trial_id INTEGER NOT NULL,
  last_trial_id INTEGER NOT NULL,
  PRIMARY KEY (group_id, status, batch, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_run ON tallies (run_id);

CREATE TRIGGER trials_are_tallied AFTER INSERT ON trials
BEGIN
  INSERT INTO tallies (group_id, status, batch, run_id, row_count, best_trial_id, best_latency_us, newest_at,
                       first_trial_id, last_trial_id)
  VALUES (new.group_id, new.status, new.batch, new.run_id, 1, iif(new.status = 'ok', new.id, NULL), new.latency_us,
          new.measured_at, new.id, new.id)
  ON CONFLICT (group_id, status, batch, run_id) DO UPDATE SET
    row_count = row_count + 1,
    best_trial_id = iif(excluded.best_latency_us < best_latency_us, excluded.best_trial_id, best_trial_id),
    best_latency_us = min(best_latency_us, excluded.best_latency_us),
    newest_at = max(newest_at, excluded.newest_at),
    last_trial_id = excluded.last_trial_id;
END;

CREATE TABLE open_attempts (
  attempt_id INTEGER PRIMARY KEY REFERENCES attempts
) STRICT;

CREATE TRIGGER attempts_begin_open AFTER INSERT ON attempts
BEGIN
  INSERT INTO open_attempts (attempt_id) VALUES (new.id);
END;
CREATE TRIGGER outcomes_close_attempts AFTER INSERT ON attempt_outcomes
BEGIN
  DELETE FROM open_attempts WHERE attempt_id = new.attempt_id;
END;

-- What is written once stays.

CREATE TRIGGER devices_stay BEFORE UPDATE ON devices BEGIN SELECT RAISE(ABORT, 'devices are never changed'); END;
CREATE TRIGGER devices_remain BEFORE DELETE ON devices BEGIN SELECT RAISE(ABORT, 'devices are never deleted'); END;
CREATE TRIGGER problems_stay BEFORE UPDATE ON problems BEGIN SELECT RAISE(ABORT, 'problems are never changed'); END;
CREATE TRIGGER problems_remain BEFORE DELETE ON problems BEGIN SELECT RAISE(ABORT, 'problems are never deleted'); END;
CREATE TRIGGER kernels_stay BEFORE UPDATE ON kernels BEGIN SELECT RAISE(ABORT, 'kernels are never changed'); END;
CREATE TRIGGER kernels_remain BEFORE DELETE ON kernels BEGIN SELECT RAISE(ABORT, 'kernels are never deleted'); END;
CREATE TRIGGER groups_stay BEFORE UPDATE ON groups BEGIN SELECT RAISE(ABORT, 'groups are never changed'); END;
CREATE TRIGGER groups_remain BEFORE DELETE ON groups BEGIN SELECT RAISE(ABORT, 'groups are never deleted'); END;
CREATE TRIGGER configs_stay BEFORE UPDATE ON configs BEGIN SELECT RAISE(ABORT, 'configs are never changed'); END;
CREATE TRIGGER configs_remain BEFORE DELETE ON configs BEGIN SELECT RAISE(ABORT, 'configs are never deleted'); END;
CREATE TRIGGER environments_stay BEFORE UPDATE ON environments
BEGIN SELECT RAISE(ABORT, 'environments are never changed'); END;
CREATE TRIGGER environments_remain BEFORE DELETE ON environments
BEGIN SELECT RAISE(ABORT, 'environments are never deleted'); END;
CREATE TRIGGER sweeps_stay BEFORE UPDATE OF id, problem_id, spec, created_at ON sweeps
BEGIN SELECT RAISE(ABORT, 'what a sweep was asked for is never changed'); END;
CREATE TRIGGER sweeps_end_once BEFORE UPDATE OF state ON sweeps
WHEN old.state IN ('done', 'failed', 'cancelled') AND new.state <> old.state
BEGIN SELECT RAISE(ABORT, 'a finished sweep never runs again'); END;
CREATE TRIGGER sweeps_remain BEFORE DELETE ON sweeps BEGIN SELECT RAISE(ABORT, 'sweeps are never deleted'); END;
CREATE TRIGGER runs_stay BEFORE UPDATE OF id, sweep_id, group_id, label ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never changed'); END;
CREATE TRIGGER runs_stay_discarded BEFORE UPDATE OF discarded ON runs WHEN old.discarded > new.discarded
BEGIN SELECT RAISE(ABORT, 'a discarded run stays discarded'); END;
CREATE TRIGGER runs_remain BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;
CREATE TRIGGER run_defaults_stay BEFORE UPDATE ON run_defaults
BEGIN SELECT RAISE(ABORT, 'defaults of a run are never changed'); END;
CREATE TRIGGER run_defaults_remain BEFORE DELETE ON run_defaults
BEGIN SELECT RAISE(ABORT, 'defaults of a run are never deleted'); END;
CREATE TRIGGER trials_stay BEFORE UPDATE ON trials BEGIN SELECT RAISE(ABORT, 'trials are never changed'); END;
CREATE TRIGGER trials_remain BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'trials are never deleted'); END;
CREATE TRIGGER samples_stay BEFORE UPDATE ON samples BEGIN SELECT RAISE(ABORT, 'samples are never changed'); END;
CREATE TRIGGER samples_remain BEFORE DELETE ON samples BEGIN SELECT RAISE(ABORT, 'samples are never deleted'); END;
CREATE TRIGGER imported_samples_stay BEFORE UPDATE ON imported_samples
BEGIN SELECT RAISE(ABORT, 'samples are never changed'); END;
CREATE TRIGGER imported_samples_remain BEFORE DELETE ON imported_samples
BEGIN SELECT RAISE(ABORT, 'samples are never deleted'); END;
CREATE TRIGGER attempts_stay BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are never changed'); END;
CREATE TRIGGER attempts_remain BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON attempt_outcomes
BEGIN SELECT RAISE(ABORT, 'outcomes are never changed'); END;
CREATE TRIGGER outcomes_remain BEFORE DELETE ON attempt_outcomes
BEGIN SELECT RAISE(ABORT, 'outcomes are never deleted'); END;
