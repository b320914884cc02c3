SELECT y.batch
FROM tallies y
CROSS JOIN runs r ON r.id = y.run_id
WHERE y.group_id = ?1 AND y.status = 'ok' AND r.discarded = 0
  AND (?2 = 0 OR r.sweep_id IS NULL
       OR EXISTS (SELECT 1 FROM sweeps s WHERE s.id = r.sweep_id AND s.state = 'done'))
  AND (r.sweep_id IS NULL
       OR EXISTS (SELECT 1 FROM sweeps s, json_each(s.spec, '$.batch') asked
                  WHERE s.id = r.sweep_id AND asked.value = y.batch
                    AND ifnull(json_array_length(s.spec, '$.candidates'), 0) = 0))
GROUP BY y.batch
ORDER BY y.batch;
