SELECT status, sum(row_count) FROM tallies GROUP BY status;
