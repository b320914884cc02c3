-- Version 7: sets of candidates that no new sweep is to try. They stay, as evidence of the sweeps that did.

DROP TRIGGER candidate_sets_stay;
ALTER TABLE candidate_sets ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0 CHECK (discarded IN (0, 1));
CREATE TRIGGER candidate_sets_stay
BEFORE UPDATE OF id, name, digest, path, engine, engine_version, folder, device, num_experts, intermediate_size, dtype,
  block_n, block_k, bytes, canonical, unusable, imported_at, triton_version ON candidate_sets
BEGIN SELECT RAISE(ABORT, 'candidate sets are never changed'); END;
