SELECT b.batch, b.gpu_uuid
FROM sweep_batches b
WHERE b.sweep_id = ?1
  AND (SELECT count(*) FROM sweep_batches o
       WHERE o.sweep_id = b.sweep_id AND o.phase = b.phase AND o.batch = b.batch) > 1
ORDER BY b.batch, b.id;
