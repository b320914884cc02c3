SELECT batch, gpu_uuid FROM sweep_batches WHERE sweep_id = ?1 AND phase = ?2 ORDER BY id;
