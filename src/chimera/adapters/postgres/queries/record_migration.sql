INSERT INTO chimera.migration (name, digest) VALUES ($1, $2);
