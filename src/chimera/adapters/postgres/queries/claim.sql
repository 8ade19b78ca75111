SELECT version, state, due_us, body FROM chimera.claim($1, $2, $3::text::int[], $4, $5, $6, $7);
