SELECT id, cap_micros, held_micros, spent_micros, overrun_micros
FROM chimera.window_known
WHERE $1::text[] IS NULL OR id = ANY ($1)
ORDER BY id;
