SELECT version, state, due_us, body
FROM chimera.review
WHERE state = $1
  AND ($2::text IS NULL OR chimera.field_of(body, 'question', 'risk') = $2)
  AND ($3::text IS NULL OR chimera.field_of(body, 'agent_id') = $3)
  AND ($4::text IS NULL OR chimera.field_of(body, 'assigned_to') = $4 AND chimera.field_of(body, 'assigned_to') <> '')
  AND ($5::bigint IS NULL OR (due_us, id) > ($5, $6::uuid))
ORDER BY due_us, id
LIMIT $7;
