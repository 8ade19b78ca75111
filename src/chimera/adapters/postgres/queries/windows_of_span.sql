SELECT id, cap_micros, held_micros, spent_micros, overrun_micros
FROM chimera.window_known
WHERE split_part(id, '|', -2) || '|' || split_part(id, '|', -1) = $1
  AND (spent_micros + overrun_micros)::numeric * 10000 >= cap_micros::numeric * $2
ORDER BY id;
