SELECT version, state, due_us, body
FROM chimera."{kind}"
WHERE ($1::uuid IS NULL OR id > $1)
  AND ($2::text[] IS NULL OR state = ANY ($2))
  AND ($3::text IS NULL OR scope = $3)
  AND ($4::int[] IS NULL OR shard = ANY ($4))
  AND ($5::bigint IS NULL OR due_us < $5)
ORDER BY id
LIMIT $6;
