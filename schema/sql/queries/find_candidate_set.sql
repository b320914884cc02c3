SELECT s.id, s.path, s.engine, s.engine_version, s.folder, s.digest, s.bytes, s.canonical, s.triton_version, s.unusable,
       s.imported_at, s.name, (SELECT count(*) FROM candidates c WHERE c.set_id = s.id),
       s.discarded
FROM candidate_sets s
WHERE s.id = ?1;
