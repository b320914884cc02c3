INSERT INTO traffic_imports (name, source, lines, imported_at) VALUES (?1, ?2, ?3, ?4);
