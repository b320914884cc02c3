INSERT INTO candidate_sets (name, digest, path, engine, engine_version, folder, device, num_experts, intermediate_size,
                            dtype, block_n, block_k, bytes, canonical, triton_version, unusable, imported_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17);
