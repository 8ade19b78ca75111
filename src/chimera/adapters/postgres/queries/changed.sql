-- A row of its own for the mark, also where nobody has changed. What a dump brought from another server may bear numbers
-- that are not reached here yet: nobody has changed it since.
SELECT m.mark, a.id, a.version, a.changed
FROM (SELECT pg_snapshot_xmin(s)::text::bigint AS mark, pg_snapshot_xmax(s)::text::bigint AS beyond
      FROM pg_current_snapshot() AS s) m
LEFT JOIN LATERAL (
    SELECT id, version, changed FROM chimera."{kind}"
    WHERE (changed, id) > ($1::bigint, $2::uuid) AND changed < m.beyond
    ORDER BY changed, id LIMIT $3
) a ON true
ORDER BY a.changed, a.id;
