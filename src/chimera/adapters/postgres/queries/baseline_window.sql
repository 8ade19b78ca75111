INSERT INTO baseline.budget (id, cap, held, spent) VALUES ($1, $2, 0, 0);
