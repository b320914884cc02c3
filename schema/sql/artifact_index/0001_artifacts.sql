-- The index of the kernel cache, version 1: one row per compiled file or remembered failure. Times are milliseconds
-- since 1970 (UTC). Disposable: it can be made again from the files, less the failures and the times of use.

CREATE TABLE artifacts (
  key TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  log_tail TEXT NOT NULL,
  file_bytes INTEGER NOT NULL CHECK (file_bytes >= 0),
  depends_on TEXT NOT NULL,  -- JSON, what went into the key
  metadata TEXT NOT NULL,    -- JSON
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  hits INTEGER NOT NULL
) STRICT;
CREATE INDEX artifacts_used ON artifacts (last_used_at) WHERE file_bytes > 0;
