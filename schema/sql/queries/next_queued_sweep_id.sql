SELECT min(id) FROM sweeps WHERE state = 'queued';
