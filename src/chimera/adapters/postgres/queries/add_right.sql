INSERT INTO chimera.role_may (role, what) VALUES ($1, $2);
