-- Calls to networks that pass no gate, since they only read, count in the windows in which acts count. Whoever makes them
-- takes some ahead: these are held in the window, by its CHECK, and are spent once they are made, many by one statement.
-- What nobody reports any more counts as made, since nobody can tell.

CREATE TABLE chimera.calls_ahead (
    caller    text   COLLATE "C" NOT NULL,
    window_id text   COLLATE "C" NOT NULL CHECK (split_part(window_id, '|', -2) IN ('calls-hour', 'calls-day')),
    calls     bigint NOT NULL CHECK (calls > 0),
    until_us  bigint NOT NULL,
    PRIMARY KEY (caller, window_id)
);
CREATE INDEX ON chimera.calls_ahead (until_us);
REVOKE ALL ON chimera.calls_ahead FROM PUBLIC;

-- What a caller has made in these windows since it last said so becomes spent; then so many ahead as are wanted and there
-- is room for, of which a fifth of each window is kept for acts. -1 where nobody has limited calls.
-- Order of locks: windows by id, then what is ahead by caller and window.
CREATE FUNCTION chimera.count_calls(p_caller text, p_windows text[], p_made bigint[], p_wanted bigint[], p_lease_us bigint)
RETURNS TABLE (o_window text, o_ahead bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    now_us bigint := chimera.now_us();
    late text[];
    asked record;
    had bigint;
    made bigint;
    held bigint;
    ahead bigint;
    w chimera.window_of_budget;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = chimera.caller() AND m.what = 'count') THEN
        RAISE EXCEPTION 'calls' USING ERRCODE = 'CH002';
    END IF;
    IF cardinality(p_windows) > 1000 OR p_lease_us NOT BETWEEN 0 AND 3600000000
       OR EXISTS (SELECT FROM unnest(p_made, p_wanted) AS n (made, wanted)
                  WHERE n.made IS NULL OR n.wanted IS NULL OR n.made < 0 OR n.wanted NOT BETWEEN 0 AND 1000)
       OR EXISTS (SELECT FROM unnest(p_windows) AS n (id)
                  WHERE n.id IS NULL OR split_part(n.id, '|', -2) NOT IN ('calls-hour', 'calls-day')) THEN
        RAISE EXCEPTION 'calls that cannot be' USING ERRCODE = 'CH002';
    END IF;
    LOCK TABLE chimera.gate IN ROW SHARE MODE;
    late := ARRAY(SELECT DISTINCT a.window_id FROM chimera.calls_ahead a
                  WHERE a.until_us <= now_us AND (a.caller <> p_caller OR a.window_id <> ALL (p_windows)));
    PERFORM chimera.open_windows(ARRAY(SELECT DISTINCT n.id FROM unnest(p_windows || late) AS n (id)));
    WITH gone AS (
        DELETE FROM chimera.calls_ahead a
        WHERE a.window_id = ANY (late) AND a.until_us <= now_us
          AND (a.caller <> p_caller OR a.window_id <> ALL (p_windows))
        RETURNING a.window_id, a.calls
    )
    UPDATE chimera.window_of_budget b
    SET held_micros = b.held_micros - g.calls, spent_micros = b.spent_micros + g.calls
    FROM (SELECT o.window_id, sum(o.calls)::bigint AS calls FROM gone o GROUP BY o.window_id) g WHERE b.id = g.window_id;
    FOR asked IN
        SELECT n.id, sum(n.made)::bigint AS made, max(n.wanted) AS wanted
        FROM unnest(p_windows, p_made, p_wanted) AS n (id, made, wanted) GROUP BY n.id ORDER BY n.id
    LOOP
        o_window := asked.id;
        SELECT * INTO w FROM chimera.window_of_budget b WHERE b.id = asked.id;
        IF NOT FOUND THEN
            o_ahead := -1;
            RETURN NEXT;
            CONTINUE;
        END IF;
        SELECT a.calls INTO had FROM chimera.calls_ahead a WHERE a.caller = p_caller AND a.window_id = asked.id FOR UPDATE;
        had := coalesce(had, 0);
        made := least(asked.made, had);
        held := w.held_micros - had;
        ahead := w.limit_micros - w.limit_micros / 5 - held - w.spent_micros - made - w.overrun_micros;
        -- Near the end only a few at once, so that no caller is refused for what another has and does not use.
        ahead := greatest(0, least(asked.wanted, ahead, greatest(1, ahead / 20)));
        UPDATE chimera.window_of_budget b
        SET held_micros = held + ahead, spent_micros = b.spent_micros + made,
            cap_micros = greatest(b.limit_micros, held + ahead + b.spent_micros + made)
        WHERE b.id = asked.id;
        IF ahead = 0 THEN
            DELETE FROM chimera.calls_ahead a WHERE a.caller = p_caller AND a.window_id = asked.id;
        ELSE
            INSERT INTO chimera.calls_ahead AS a (caller, window_id, calls, until_us)
            VALUES (p_caller, asked.id, ahead, now_us + p_lease_us)
            ON CONFLICT (caller, window_id) DO UPDATE SET calls = excluded.calls, until_us = excluded.until_us;
        END IF;
        o_ahead := ahead;
        RETURN NEXT;
    END LOOP;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
GRANT USAGE ON SCHEMA chimera TO chimera_gateway;
GRANT EXECUTE ON FUNCTION chimera.count_calls(text, text[], bigint[], bigint[], bigint) TO chimera_gateway;
