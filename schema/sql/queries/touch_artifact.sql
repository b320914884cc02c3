UPDATE artifacts SET last_used_at = max(last_used_at, ?2), hits = hits + 1 WHERE key = ?1;
