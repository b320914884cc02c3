SELECT status, sum(row_count) FROM tallies WHERE run_id = ?1 GROUP BY status;
