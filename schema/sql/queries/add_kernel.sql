INSERT INTO kernels (name, digest, compiler) VALUES (?1, ?2, ?3);
