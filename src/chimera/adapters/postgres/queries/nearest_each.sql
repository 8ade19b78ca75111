SELECT asked.number AS asked, near.id, near.likeness
FROM unnest($1::int[], $2::text[], $3::text[]) AS asked (number, owner, vector)
CROSS JOIN LATERAL chimera.nearest(ARRAY[asked.owner], $4, asked.vector, $5) AS near;
