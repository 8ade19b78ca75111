SELECT id, cap, held, spent FROM baseline.budget WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE;
