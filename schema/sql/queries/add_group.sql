INSERT INTO groups (problem_id, device_id, kernel_id, l2, routing, origin) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
