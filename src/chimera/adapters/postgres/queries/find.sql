SELECT version, state, due_us, body FROM chimera."{kind}" WHERE id = $1;
