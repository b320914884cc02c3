SELECT t.id
FROM trials t
CROSS JOIN runs r ON r.id = t.run_id
WHERE t.id > ?1 AND t.id <= ?2
  AND (?3 IS NULL OR t.group_id IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR r.sweep_id = ?4)
  AND (?5 IS NULL OR r.label = ?5)
  AND (?6 IS NULL OR t.batch = ?6)
  AND (?7 IS NULL OR t.status = ?7)
  AND (?8 IS NULL OR t.config_id = ?8)
  AND (?9 OR r.discarded = 0)
ORDER BY t.id
LIMIT ?10;
