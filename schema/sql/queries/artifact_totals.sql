SELECT count(*), ifnull(sum(status <> 'ok'), 0), ifnull(sum(file_bytes), 0), ifnull(sum(hits), 0) FROM artifacts;
