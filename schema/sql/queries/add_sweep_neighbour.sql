INSERT INTO sweep_neighbours (sweep_id, batch, rank, config_id, group_id) VALUES (?1, ?2, ?3, ?4, ?5);
