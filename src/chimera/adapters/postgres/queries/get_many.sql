SELECT version, state, due_us, body FROM chimera."{kind}" WHERE id = ANY ($1::text::uuid[]) ORDER BY id;
