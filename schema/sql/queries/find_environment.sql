SELECT id FROM environments
WHERE device_id = ?1 AND arch = ?2 AND ifnull(gpu_uuid, '') = ifnull(?3, '') AND ifnull(driver, '') = ifnull(?4, '')
  AND ifnull(tool_version, '') = ifnull(?5, '');
