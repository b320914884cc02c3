-- Version 5: files of the engines, each a named set of candidates with its origin, and what sweeps took of them.

CREATE TABLE candidate_sets (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL CHECK (name <> ''),
  digest TEXT NOT NULL CHECK (length(digest) = 64),  -- SHA-256 of the file's bytes, hex
  path TEXT NOT NULL CHECK (path <> ''),  -- where it lay when it was imported first; its last part is the file's name
  engine TEXT CHECK (engine IN ('vllm', 'sglang')),
  engine_version TEXT,
  folder TEXT,  -- of a Triton version: 'triton_3_5_1'
  -- What the file's name says and searches ask for.
  device TEXT NOT NULL,
  num_experts INTEGER NOT NULL CHECK (num_experts > 0),
  intermediate_size INTEGER NOT NULL CHECK (intermediate_size > 0),
  dtype TEXT NOT NULL,  -- as written; empty: not quantised
  block_n INTEGER,
  block_k INTEGER,
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  canonical INTEGER NOT NULL CHECK (canonical IN (0, 1)),  -- the file's bytes are those of `content`
  content TEXT NOT NULL,  -- JSON: every entry in the file's order, fields that moetune has no use for included
  unusable INTEGER NOT NULL CHECK (unusable >= 0),  -- rows that are no tile of the Triton kernel
  imported_at INTEGER NOT NULL,
  CHECK ((block_n IS NULL) = (block_k IS NULL))
) STRICT;
CREATE UNIQUE INDEX candidate_sets_key ON candidate_sets (name, digest);

-- The tiles of a set, those of its rows that have one.
CREATE TABLE candidates (
  set_id INTEGER NOT NULL REFERENCES candidate_sets,
  batch INTEGER NOT NULL CHECK (batch > 0),
  config_id INTEGER NOT NULL REFERENCES configs,
  PRIMARY KEY (set_id, batch)
) STRICT, WITHOUT ROWID;

-- The sets that a sweep began with: what is imported later is none of its business.
CREATE TABLE sweep_candidates (
  sweep_id INTEGER NOT NULL REFERENCES sweeps,
  set_id INTEGER NOT NULL REFERENCES candidate_sets,
  candidate_count INTEGER NOT NULL CHECK (candidate_count >= 0),
  left_out INTEGER NOT NULL CHECK (left_out >= 0),
  PRIMARY KEY (sweep_id, set_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER candidate_sets_stay BEFORE UPDATE ON candidate_sets
BEGIN SELECT RAISE(ABORT, 'candidate sets are never changed'); END;
CREATE TRIGGER candidate_sets_remain BEFORE DELETE ON candidate_sets
BEGIN SELECT RAISE(ABORT, 'candidate sets are never deleted'); END;
CREATE TRIGGER candidates_stay BEFORE UPDATE ON candidates
BEGIN SELECT RAISE(ABORT, 'candidates are never changed'); END;
CREATE TRIGGER candidates_remain BEFORE DELETE ON candidates
BEGIN SELECT RAISE(ABORT, 'candidates are never deleted'); END;
CREATE TRIGGER sweep_candidates_stay BEFORE UPDATE ON sweep_candidates
BEGIN SELECT RAISE(ABORT, 'what a sweep began with is never changed'); END;
CREATE TRIGGER sweep_candidates_remain BEFORE DELETE ON sweep_candidates
BEGIN SELECT RAISE(ABORT, 'what a sweep began with is never deleted'); END;
