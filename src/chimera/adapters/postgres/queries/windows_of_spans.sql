-- Of every span one page at most, by the index; of these the first page.
SELECT w.id, w.cap_micros, w.held_micros, w.spent_micros, w.overrun_micros
FROM unnest($1::text[]) AS s (span), LATERAL (
    SELECT * FROM chimera.window_known o
    WHERE split_part(o.id, '|', -2) || '|' || split_part(o.id, '|', -1) = s.span
      AND o.id > $2 AND o.id >= $3 AND o.id < $3 || chr(1114111)
    ORDER BY o.id LIMIT $4) w
ORDER BY w.id LIMIT $4;
