SELECT DISTINCT arch FROM environments WHERE device_id = ?1 ORDER BY arch;
