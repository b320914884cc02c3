SELECT id FROM kernels WHERE name = ?1 AND digest = ?2 AND compiler = ?3;
