SELECT (SELECT count(*) FROM trials), (SELECT count(*) FROM sweeps);
