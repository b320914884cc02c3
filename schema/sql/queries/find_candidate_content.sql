SELECT s.path, c.content
FROM candidate_sets s
CROSS JOIN candidate_contents c ON c.set_id = s.id
WHERE s.id = ?1;
