INSERT INTO chimera.role_writes (role, kind, verb, state) VALUES ($1, $2, $3, $4);
