SELECT value FROM meta WHERE key = 'uuid';
