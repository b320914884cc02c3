-- What is no JSON at all is found by check_json.
SELECT 'trial ' || id FROM trials
WHERE stages_us IS NOT NULL AND CASE WHEN json_valid(stages_us) THEN json_type(stages_us) <> 'object' ELSE 0 END
UNION ALL
SELECT 'chunk ' || id FROM samples
WHERE stages_us IS NOT NULL AND CASE WHEN json_valid(stages_us) THEN json_type(stages_us) <> 'object' ELSE 0 END;
