-- Version 9: the counts that a routing named counts:HEX stands for. HEX begins the SHA-256 of the content.

CREATE TABLE expert_counts (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE CHECK (name GLOB 'counts:*'),
  content TEXT NOT NULL CHECK (content <> ''),  -- {"layers": [[tokens of each expert], ...]}
  added_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER expert_counts_stay BEFORE UPDATE ON expert_counts
BEGIN SELECT RAISE(ABORT, 'counts of experts are never changed'); END;
CREATE TRIGGER expert_counts_remain BEFORE DELETE ON expert_counts
BEGIN SELECT RAISE(ABORT, 'counts of experts are never deleted'); END;
