SELECT content, added_at FROM expert_counts WHERE name = ?1;
