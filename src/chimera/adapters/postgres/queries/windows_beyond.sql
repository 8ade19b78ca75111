-- For more than all of a cap: only what was overrun, or has no cap to speak of, can have gone so far (migration 0494).
SELECT id, cap_micros, held_micros, spent_micros, overrun_micros
FROM chimera.window_known
WHERE split_part(id, '|', -2) || '|' || split_part(id, '|', -1) = $1
  AND (overrun_micros > 0 OR cap_micros = 0)
  AND (spent_micros + overrun_micros)::numeric * 10000 >= cap_micros::numeric * $2
ORDER BY id;
