-- What a scope may spend for which nobody has set a cap (domain/caps.py): an agent its day's 10 and the multiples of it, a
-- campaign in a period, a category and a recipient no more than the fleet. Lowering any of them closes its window.

CREATE FUNCTION chimera.fleet_micros(key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE regexp_replace(key, '^.*\|', '')
        WHEN 'day' THEN 1000000000 WHEN 'week' THEN 5000000000 WHEN 'month' THEN 20000000000 END
$$;

CREATE FUNCTION chimera.standing_micros(key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE split_part(key, ':', 1)
        WHEN 'agent' THEN CASE regexp_replace(key, '^.*\|', '')
            WHEN 'day' THEN 10000000 WHEN 'week' THEN 70000000 WHEN 'month' THEN 310000000 END
        WHEN 'campaign' THEN chimera.fleet_micros(key)
        WHEN 'category' THEN chimera.fleet_micros(key)
        WHEN 'recipient' THEN chimera.fleet_micros(key)
    END
$$;

CREATE OR REPLACE FUNCTION chimera.open_windows(wanted text[]) RETURNS text[] LANGUAGE plpgsql AS $fn$
DECLARE
    made text[] := '{}';
    known int;
BEGIN
    SELECT count(*) INTO known FROM (
        SELECT FROM chimera.window_of_budget WHERE id = ANY (wanted) ORDER BY id FOR NO KEY UPDATE) l;
    IF known = cardinality(wanted) THEN
        RETURN made;
    END IF;
    WITH missing AS (
        SELECT w.id, regexp_replace(w.id, '\|[^|]*$', '') AS key
        FROM unnest(wanted) AS w (id)
        WHERE NOT EXISTS (SELECT FROM chimera.window_of_budget o WHERE o.id = w.id)
    ), capped AS (
        SELECT m.id, m.key, coalesce(
            (SELECT l.micros FROM chimera.limit_of_key l WHERE l.key = m.key),
            chimera.standing_micros(m.key)) AS micros
        FROM missing m
    ), inserted AS (
        INSERT INTO chimera.window_of_budget (id, key, limit_micros, cap_micros)
        SELECT id, key, micros, micros FROM capped WHERE micros IS NOT NULL ORDER BY id
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT coalesce(array_agg(id), '{}') INTO made FROM inserted;
    PERFORM FROM chimera.window_of_budget WHERE id = ANY (wanted) ORDER BY id FOR NO KEY UPDATE;
    RETURN made;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
