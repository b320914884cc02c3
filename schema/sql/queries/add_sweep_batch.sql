INSERT INTO sweep_batches (sweep_id, phase, batch, gpu_uuid) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (sweep_id, phase, batch, gpu_uuid) DO NOTHING;
