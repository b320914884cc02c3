SELECT id FROM trials WHERE (status = 'ok') <> (latency_us IS NOT NULL) OR latency_us <= 0;
