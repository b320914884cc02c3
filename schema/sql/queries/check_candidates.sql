SELECT n.set_id || ', batch ' || n.batch FROM candidates n
CROSS JOIN configs c ON c.id = n.config_id
WHERE c.down_config_id IS NOT NULL;
