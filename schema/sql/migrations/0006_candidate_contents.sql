-- Version 6: the contents of imported files in a table of their own. A row is read past its own content to reach the
-- columns behind it, which made a list of sets read every byte of every file.

CREATE TABLE candidate_contents (
  set_id INTEGER PRIMARY KEY REFERENCES candidate_sets,
  content TEXT NOT NULL  -- JSON: every entry in the file's order, fields that moetune has no use for included
) STRICT;
INSERT INTO candidate_contents (set_id, content) SELECT id, content FROM candidate_sets;

DROP TRIGGER candidate_sets_stay;
-- What the file says itself; empty where that is no text.
ALTER TABLE candidate_sets ADD COLUMN triton_version TEXT;
UPDATE candidate_sets SET triton_version = (
  SELECT CASE type WHEN 'text' THEN value ELSE '' END FROM json_each(candidate_sets.content)
  WHERE key = 'triton_version' ORDER BY id DESC LIMIT 1);
ALTER TABLE candidate_sets DROP COLUMN content;

CREATE TRIGGER candidate_sets_stay BEFORE UPDATE ON candidate_sets
BEGIN SELECT RAISE(ABORT, 'candidate sets are never changed'); END;
CREATE TRIGGER candidate_contents_stay BEFORE UPDATE ON candidate_contents
BEGIN SELECT RAISE(ABORT, 'candidate sets are never changed'); END;
CREATE TRIGGER candidate_contents_remain BEFORE DELETE ON candidate_contents
BEGIN SELECT RAISE(ABORT, 'candidate sets are never deleted'); END;
