SELECT id, path, engine, engine_version, folder, digest, bytes, canonical, content, unusable, imported_at, name
FROM candidate_sets
WHERE id = ?1;
