-- Version 16: rounds that were measured elsewhere: in the sweep that a row was taken over from, or by another database
-- that a row was imported from. Only rounds of one sweep were taken in turns and can be held against each other.

ALTER TABLE samples ADD COLUMN rounds_of TEXT;  -- label of that sweep; NULL: this one
ALTER TABLE imported_samples ADD COLUMN rounds TEXT;  -- JSON, how many of the samples each round had; NULL: no rounds
ALTER TABLE imported_samples ADD COLUMN rounds_of TEXT;  -- NULL: the sweep that made the row
