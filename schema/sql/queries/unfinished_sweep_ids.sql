SELECT id FROM sweeps WHERE state IN ('queued', 'running', 'paused') ORDER BY id;
