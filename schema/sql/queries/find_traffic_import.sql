SELECT id, name, source, lines, imported_at FROM traffic_imports
WHERE ?1 IS NULL OR id = ?1
ORDER BY id DESC
LIMIT 1;
