SELECT s.id, r.label, s.spec, s.state, s.resolved, s.total, s.not_recorded, s.compiles_done, s.compiles_cached,
       s.compiles_failed, s.created_at, s.started_at, s.finished_at, s.error, r.discarded, s.phase,
       EXISTS (SELECT 1 FROM runs x WHERE x.sweep_id = s.id AND x.phase = 'scan')
FROM sweeps s
CROSS JOIN runs r ON r.sweep_id = s.id AND r.phase = 'measure'
WHERE s.id = ?1;
