SELECT version, state, due_us, body
FROM chimera."{kind}"
WHERE ($1::uuid IS NULL OR id < $1)
  AND ($2::text[] IS NULL OR state = ANY ($2))
  AND ($3::text IS NULL OR scope = $3)
ORDER BY id DESC
LIMIT $4;
