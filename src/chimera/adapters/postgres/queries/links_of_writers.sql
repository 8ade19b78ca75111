SELECT a.writer, e.seq, e.body, e.hash
FROM unnest($1::text[], $2::bigint[]) AS a (writer, seq)
CROSS JOIN LATERAL (
    SELECT l.seq, l.body, l.hash FROM chimera.event l WHERE l.writer = a.writer AND l.seq > a.seq ORDER BY l.seq LIMIT $3
) e
ORDER BY a.writer, e.seq;
