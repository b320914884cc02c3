SELECT i.id, i.name, i.source, i.imported_at,
       (SELECT sum(b.steps) FROM traffic_batches b WHERE b.import_id = i.id)
FROM traffic_imports i
ORDER BY i.id DESC
LIMIT ?1;
