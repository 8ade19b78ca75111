UPDATE chimera.head SET seq = $2 WHERE writer = $1;
