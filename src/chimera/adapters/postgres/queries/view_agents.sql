SELECT version, state, due_us, body
FROM chimera.agent
WHERE ($1::text IS NULL OR state = $1)
  AND ($2::text IS NULL OR position($2 IN lower(chimera.field_of(body, 'name') || ' ' ||
                                                chimera.field_of(body, 'persona', 'name'))) > 0)
  AND ($3::text IS NULL OR (chimera.field_of(body, 'name'), id) > ($3, $4::uuid))
ORDER BY chimera.field_of(body, 'name'), id
LIMIT $5;
