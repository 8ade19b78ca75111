-- Which windows are still to be made is told by one hashed difference; comparing each with each took longer than the
-- whole commit once a batch touched a thousand of them.

CREATE OR REPLACE FUNCTION chimera.open_windows(wanted text[]) RETURNS text[] LANGUAGE plpgsql AS $fn$
DECLARE
    made text[] := '{}';
    locked text[];
    missing text[];
BEGIN
    SELECT array_agg(l.id) INTO locked FROM (
        SELECT w.id FROM chimera.window_of_budget w WHERE w.id = ANY (wanted) ORDER BY w.id FOR NO KEY UPDATE) l;
    IF cardinality(locked) = cardinality(wanted) THEN
        RETURN made;
    END IF;
    SELECT array_agg(m.id ORDER BY m.id) INTO missing
    FROM (SELECT unnest(wanted) EXCEPT SELECT unnest(locked)) AS m (id);
    WITH capped AS (
        SELECT m.id, m.key, coalesce((SELECT l.micros FROM chimera.limit_of_key l WHERE l.key = m.key),
                                     chimera.standing_micros(m.key)) AS micros
        FROM (SELECT w.id, regexp_replace(w.id, '\|[^|]*$', '') AS key FROM unnest(missing) AS w (id)) m
    ), inserted AS (
        INSERT INTO chimera.window_of_budget (id, key, limit_micros, cap_micros)
        SELECT id, key, micros, micros FROM capped WHERE micros IS NOT NULL ORDER BY id
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT coalesce(array_agg(id), '{}') INTO made FROM inserted;
    IF cardinality(made) < cardinality(missing) THEN
        -- Somebody else has made one meanwhile; what we made is ours until the end anyway.
        PERFORM FROM chimera.window_of_budget WHERE id = ANY (missing) ORDER BY id FOR NO KEY UPDATE;
    END IF;
    RETURN made;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
