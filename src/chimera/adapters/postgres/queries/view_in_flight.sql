SELECT version, state, due_us, body FROM chimera.performance WHERE state IN ('started', 'in_doubt') ORDER BY due_us, id LIMIT $1;
