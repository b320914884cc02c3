UPDATE sweeps SET resolved = ?2, total = ?3, not_recorded = ?4, phase = ?5 WHERE id = ?1;
