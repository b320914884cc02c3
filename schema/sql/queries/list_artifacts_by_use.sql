SELECT key, kind, status, log_tail, file_bytes, depends_on, metadata, created_at, last_used_at, hits
FROM artifacts
WHERE file_bytes > 0
ORDER BY last_used_at, rowid;  -- of one millisecond: in the order of their publication
