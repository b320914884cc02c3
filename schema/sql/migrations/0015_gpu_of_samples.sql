-- Version 15: which GPU a chunk of samples comes from. A batch whose GPU has gone is taken over by another one, and a
-- round of the one is none beside a round of the other.

ALTER TABLE samples ADD COLUMN gpu_uuid TEXT;  -- NULL: nobody said
