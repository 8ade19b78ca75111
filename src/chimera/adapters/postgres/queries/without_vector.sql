SELECT id, version, state, due_us, body FROM chimera.without_vector($1, $2, $3);
