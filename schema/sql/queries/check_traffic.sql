SELECT i.id FROM traffic_imports i
WHERE (SELECT count(*) = 0 OR count(b.time_ms) NOT IN (0, count(*)) FROM traffic_batches b WHERE b.import_id = i.id);
