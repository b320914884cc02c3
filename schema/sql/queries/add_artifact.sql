INSERT INTO artifacts (key, kind, status, log_tail, file_bytes, depends_on, metadata, created_at, last_used_at, hits)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (key) DO UPDATE SET
  kind = excluded.kind, status = excluded.status, log_tail = excluded.log_tail, file_bytes = excluded.file_bytes,
  depends_on = excluded.depends_on, metadata = excluded.metadata, created_at = excluded.created_at,
  last_used_at = excluded.last_used_at, hits = excluded.hits;
