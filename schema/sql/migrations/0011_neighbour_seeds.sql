-- Version 11: candidates that a race tries because they were the best of another problem. What is measured later is none
-- of its business: a sweep that goes on has the same ones.

CREATE TABLE sweep_neighbours (
  sweep_id INTEGER NOT NULL REFERENCES sweeps,
  batch INTEGER NOT NULL CHECK (batch > 0),
  rank INTEGER NOT NULL CHECK (rank >= 0),  -- in the order in which they were taken
  config_id INTEGER NOT NULL REFERENCES configs,
  group_id INTEGER NOT NULL REFERENCES groups,  -- whose best it was
  PRIMARY KEY (sweep_id, batch, rank)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sweep_neighbours_key ON sweep_neighbours (sweep_id, batch, config_id);

CREATE TRIGGER sweep_neighbours_stay BEFORE UPDATE ON sweep_neighbours
BEGIN SELECT RAISE(ABORT, 'what a sweep began with is never changed'); END;
CREATE TRIGGER sweep_neighbours_remain BEFORE DELETE ON sweep_neighbours
BEGIN SELECT RAISE(ABORT, 'what a sweep began with is never deleted'); END;

-- Every new sweep asks for the files of its shape.
CREATE INDEX candidate_sets_shape ON candidate_sets (num_experts, intermediate_size, dtype);
