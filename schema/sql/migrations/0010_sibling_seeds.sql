-- Version 10: what a sweep took from sweeps of the same problem under another routing or with weights elsewhere, so that
-- it goes on with the same candidates.

CREATE TABLE sibling_seeds (
  sweep_id INTEGER PRIMARY KEY REFERENCES sweeps,
  content TEXT NOT NULL CHECK (content <> '')  -- [{"batch": 1, "config": {...}}, ...], the most promising first
) STRICT;

CREATE TRIGGER sibling_seeds_stay BEFORE UPDATE ON sibling_seeds
BEGIN SELECT RAISE(ABORT, 'seeds of a sweep are never changed'); END;
CREATE TRIGGER sibling_seeds_remain BEFORE DELETE ON sibling_seeds
BEGIN SELECT RAISE(ABORT, 'seeds of a sweep are never deleted'); END;
