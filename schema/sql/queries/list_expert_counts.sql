SELECT id, name, json_array_length(content, '$.layers'), json_array_length(content, '$.layers[0]'), added_at
FROM expert_counts WHERE id > ?1 ORDER BY id LIMIT ?2;
