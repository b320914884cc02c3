-- Version 14: what a group's file was when a sweep of it was done, so that the file after the next one changes for a
-- reason alone. A file is that of one group and one engine's format, placed by the traffic that was known then.

CREATE TABLE kept_files (
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps,
  group_id INTEGER NOT NULL REFERENCES groups,
  format TEXT NOT NULL CHECK (format <> ''),
  traffic_id INTEGER REFERENCES traffic_imports,  -- NULL: there was none
  UNIQUE (sweep_id, group_id, format)
) STRICT;
CREATE INDEX kept_files_of_group ON kept_files (group_id, format, id);

CREATE TABLE kept_keys (
  file_id INTEGER NOT NULL REFERENCES kept_files,
  batch INTEGER NOT NULL CHECK (batch > 0),
  config_id INTEGER NOT NULL REFERENCES configs,
  PRIMARY KEY (file_id, batch)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER kept_files_stay BEFORE UPDATE ON kept_files
BEGIN SELECT RAISE(ABORT, 'what a file was is never changed'); END;
CREATE TRIGGER kept_files_remain BEFORE DELETE ON kept_files
BEGIN SELECT RAISE(ABORT, 'what a file was is never deleted'); END;
CREATE TRIGGER kept_keys_stay BEFORE UPDATE ON kept_keys
BEGIN SELECT RAISE(ABORT, 'what a file was is never changed'); END;
CREATE TRIGGER kept_keys_remain BEFORE DELETE ON kept_keys
BEGIN SELECT RAISE(ABORT, 'what a file was is never deleted'); END;
