SELECT key, kind, status, log_tail, file_bytes, depends_on, metadata, created_at, last_used_at, hits
FROM artifacts
WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1
ORDER BY key
LIMIT ?2;
