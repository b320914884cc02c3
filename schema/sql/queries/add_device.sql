INSERT INTO devices (name) VALUES (?1);
