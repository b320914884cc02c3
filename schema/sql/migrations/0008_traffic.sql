-- Version 8: how many tokens the steps of somebody's engine had. The newest import counts, unless one is chosen.

CREATE TABLE traffic_imports (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL CHECK (name <> ''),  -- of the file that it was read from
  source TEXT NOT NULL CHECK (source IN ('batch_times', 'cudagraph', 'iterations', 'prometheus')),
  lines INTEGER NOT NULL CHECK (lines >= 0),
  imported_at INTEGER NOT NULL
) STRICT;

CREATE TABLE traffic_batches (
  import_id INTEGER NOT NULL REFERENCES traffic_imports,
  tokens INTEGER NOT NULL CHECK (tokens > 0),
  steps INTEGER NOT NULL CHECK (steps > 0),
  time_ms REAL CHECK (time_ms > 0),  -- of one step; NULL where the source tells none
  PRIMARY KEY (import_id, tokens)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER traffic_imports_stay BEFORE UPDATE ON traffic_imports
BEGIN SELECT RAISE(ABORT, 'imports of traffic are never changed'); END;
CREATE TRIGGER traffic_imports_remain BEFORE DELETE ON traffic_imports
BEGIN SELECT RAISE(ABORT, 'imports of traffic are never deleted'); END;
CREATE TRIGGER traffic_batches_stay BEFORE UPDATE ON traffic_batches
BEGIN SELECT RAISE(ABORT, 'imports of traffic are never changed'); END;
CREATE TRIGGER traffic_batches_remain BEFORE DELETE ON traffic_batches
BEGIN SELECT RAISE(ABORT, 'imports of traffic are never deleted'); END;
