UPDATE sweeps
SET compiles_done = compiles_done + ?2, compiles_cached = compiles_cached + ?3, compiles_failed = compiles_failed + ?4
WHERE id = ?1;
