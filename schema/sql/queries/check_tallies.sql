WITH counted AS (
  SELECT group_id, status, batch, run_id, count(*) AS row_count, min(latency_us) AS best_latency_us,
         max(measured_at) AS newest_at, min(id) AS first_trial_id, max(id) AS last_trial_id
  FROM trials
  GROUP BY group_id, status, batch, run_id
), kept AS (
  SELECT group_id, status, batch, run_id, row_count, best_latency_us, newest_at, first_trial_id, last_trial_id
  FROM tallies
)
SELECT group_id || ', ' || status || ', ' || batch || ', ' || run_id
FROM (SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept)
      UNION ALL
      SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted))
UNION ALL
SELECT y.group_id || ', ' || y.status || ', ' || y.batch || ', ' || y.run_id
FROM tallies y
LEFT JOIN trials t ON t.id = y.best_trial_id AND t.latency_us = y.best_latency_us AND t.group_id = y.group_id
  AND t.run_id = y.run_id AND t.batch = y.batch
WHERE y.status = 'ok' AND t.id IS NULL;
