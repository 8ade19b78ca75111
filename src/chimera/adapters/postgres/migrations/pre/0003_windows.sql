-- Moving money: the law of domain/budget.py, kept by the database. Runs inside chimera.commit only.

-- Locks the windows in the order of their ids, after making those that are missing and have a cap.
CREATE FUNCTION chimera.open_windows(wanted text[]) RETURNS text[] LANGUAGE plpgsql AS $fn$
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
            -- What an agent may spend in a day for which nobody has set a cap (domain/caps.py).
            CASE WHEN m.key LIKE 'agent:%|day' THEN 10000000 END) AS micros
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

-- Moves everything at once where no order could refuse or overrun anything, which is nearly always. Says whether it did.
CREATE FUNCTION chimera.move_together(failed boolean[], changes int[], wanted text[], holds bigint[], releases bigint[],
                                      meters bigint[]) RETURNS boolean LANGUAGE plpgsql AS $fn$
DECLARE
    sums record;
    fitting int;
BEGIN
    SELECT array_agg(s.id ORDER BY s.id) AS ids, array_agg(s.hold ORDER BY s.id) AS holds,
           array_agg(s.release ORDER BY s.id) AS releases, array_agg(s.meter ORDER BY s.id) AS meters
    INTO sums
    FROM (SELECT m.id, sum(m.hold) AS hold, sum(m.release) AS release, sum(m.meter) AS meter
          FROM unnest(changes, wanted, holds, releases, meters) AS m (change, id, hold, release, meter)
          WHERE NOT failed[m.change]
          GROUP BY m.id) s;
    IF sums.ids IS NULL THEN
        RETURN true;
    END IF;
    SELECT count(*) INTO fitting
    FROM unnest(sums.ids, sums.holds, sums.releases, sums.meters) AS s (id, hold, release, meter)
    JOIN chimera.window_of_budget w ON w.id = s.id
    -- Where the limit was lowered below what is held and spent, nothing fits.
    WHERE s.release <= w.held_micros
      AND s.hold + s.meter <= w.limit_micros - w.held_micros - w.spent_micros - w.overrun_micros;
    IF fitting < cardinality(sums.ids) THEN
        RETURN false;
    END IF;
    UPDATE chimera.window_of_budget w
    SET held_micros = w.held_micros + s.hold - s.release, spent_micros = w.spent_micros + s.meter
    FROM unnest(sums.ids, sums.holds, sums.releases, sums.meters) AS s (id, hold, release, meter)
    WHERE w.id = s.id;
    RETURN true;
END
$fn$;

-- Moves one change after the other, in the order of the batch, each whole or not at all. Names those without room.
CREATE FUNCTION chimera.move_in_order(failed boolean[], changes int[], wanted text[], holds bigint[], releases bigint[],
                                      meters bigint[])
RETURNS TABLE (change int, code text, detail text) LANGUAGE plpgsql AS $fn$
DECLARE
    w_ids text[]; w_limits bigint[]; w_caps bigint[]; w_held bigint[]; w_spent bigint[]; w_over bigint[];
    old_caps bigint[]; old_held bigint[]; old_spent bigint[]; old_over bigint[];
    moved record;
    previous int := 0;
    skipping boolean := false;
    k int;
    room bigint;
    taken bigint;
BEGIN
    SELECT array_agg(w.id ORDER BY w.id), array_agg(w.limit_micros ORDER BY w.id), array_agg(w.cap_micros ORDER BY w.id),
           array_agg(w.held_micros ORDER BY w.id), array_agg(w.spent_micros ORDER BY w.id),
           array_agg(w.overrun_micros ORDER BY w.id)
    INTO w_ids, w_limits, w_caps, w_held, w_spent, w_over
    FROM chimera.window_of_budget w WHERE w.id = ANY (wanted);
    FOR moved IN
        SELECT m.* FROM unnest(changes, wanted, holds, releases, meters) WITH ORDINALITY
            AS m (change, id, hold, release, meter, n)
        WHERE NOT failed[m.change] ORDER BY m.change, m.n
    LOOP
        IF moved.change <> previous THEN
            previous := moved.change;
            skipping := false;
            old_caps := w_caps; old_held := w_held; old_spent := w_spent; old_over := w_over;
        ELSIF skipping THEN
            CONTINUE;
        END IF;
        k := array_position(w_ids, moved.id);
        room := CASE WHEN k IS NULL THEN -1
                ELSE greatest(0, w_caps[k] - w_held[k] - w_spent[k] - w_over[k]) END;
        IF moved.hold > room OR moved.release > w_held[k] + moved.hold THEN
            skipping := true;
            w_caps := old_caps; w_held := old_held; w_spent := old_spent; w_over := old_over;
            change := moved.change;
            code := CASE WHEN k IS NULL THEN 'no_cap' WHEN moved.hold > room THEN 'over_budget'
                    ELSE 'release_not_held' END;
            detail := CASE WHEN code = 'over_budget' THEN moved.id || ' ' || room || ' ' || moved.hold ELSE moved.id END;
            RETURN NEXT;
            CONTINUE;
        END IF;
        w_held[k] := w_held[k] + moved.hold - moved.release;
        taken := least(moved.meter, greatest(0, w_caps[k] - w_held[k] - w_spent[k]));
        w_spent[k] := w_spent[k] + taken;
        w_over[k] := w_over[k] + moved.meter - taken;
        w_caps[k] := greatest(w_limits[k], w_held[k] + w_spent[k]);
    END LOOP;
    UPDATE chimera.window_of_budget w
    SET cap_micros = s.cap, held_micros = s.held, spent_micros = s.spent, overrun_micros = s.over
    FROM unnest(w_ids, w_caps, w_held, w_spent, w_over) AS s (id, cap, held, spent, over)
    WHERE w.id = s.id;
END
$fn$;

-- A refused change leaves nothing behind, not even an empty window.
CREATE FUNCTION chimera.close_unused_windows(failed boolean[], changes int[], wanted text[], made text[])
RETURNS void LANGUAGE plpgsql AS $fn$
BEGIN
    DELETE FROM chimera.window_of_budget w
    WHERE w.id = ANY (made) AND w.id <> ALL (
        SELECT m.id FROM unnest(changes, wanted) AS m (change, id) WHERE NOT failed[m.change]);
END
$fn$;
