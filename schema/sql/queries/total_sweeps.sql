SELECT state, count(*) FROM sweeps GROUP BY state;
