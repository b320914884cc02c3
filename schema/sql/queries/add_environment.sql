INSERT INTO environments (device_id, arch, gpu_uuid, driver, tool_version) VALUES (?1, ?2, ?3, ?4, ?5);
