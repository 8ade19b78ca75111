UPDATE baseline.budget SET held = held + $2 WHERE id = ANY ($1::text[]);
