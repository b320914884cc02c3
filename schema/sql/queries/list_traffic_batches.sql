SELECT tokens, steps, time_ms FROM traffic_batches WHERE import_id = ?1 ORDER BY tokens;
