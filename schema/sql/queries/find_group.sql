SELECT id FROM groups
WHERE problem_id = ?1 AND device_id = ?2 AND kernel_id = ?3 AND l2 = ?4 AND routing = ?5 AND origin = ?6;
