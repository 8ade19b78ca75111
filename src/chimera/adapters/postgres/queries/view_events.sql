SELECT seq, hash, body
FROM chimera.event
WHERE writer = $1 AND seq > $2 AND seq <= $3
  AND NOT EXISTS (SELECT FROM unnest($4::bytea[]) needle WHERE position(needle IN body) = 0)
ORDER BY seq
LIMIT $5;
