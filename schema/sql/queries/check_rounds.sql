-- What is no JSON at all is found by check_json.
SELECT trial_id FROM imported_samples
WHERE rounds IS NOT NULL AND CASE WHEN json_valid(rounds) THEN
  json_type(rounds) <> 'array'
  OR EXISTS (SELECT 1 FROM json_each(rounds) WHERE type <> 'integer' OR value < 1)
  OR (SELECT total(value) FROM json_each(rounds)) <> length(samples_us) / 8
  ELSE 0 END;
