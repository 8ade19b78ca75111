SELECT seq, hash, body FROM chimera.event WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3;
