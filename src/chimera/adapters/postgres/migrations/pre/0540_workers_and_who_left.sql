-- Workers are known to whoever asks which processes are at work: managers hear them and say so. And whoever ended in order is
-- remembered for a day, so that what was stopped is told from what never ran (ADR-236).
ALTER TABLE chimera.presence ADD COLUMN left_us bigint, ADD COLUMN about text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN needs_workers boolean NOT NULL DEFAULT false, ADD CHECK (length(about) <= 300);

-- Each speaks for its own role. What has been silent for a day is forgotten. Managers say whether they work by worker processes.
DROP FUNCTION chimera.be_present(text, text);
CREATE FUNCTION chimera.be_present(p_who text, p_process text, p_needs_workers boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    now_us bigint := chimera.now_us();
BEGIN
    INSERT INTO chimera.presence AS p (role, who, process, since_us, seen_us, needs_workers)
        VALUES (chimera.caller(), p_who, p_process, now_us, now_us, p_needs_workers)
        ON CONFLICT (role, who) DO UPDATE SET seen_us = excluded.seen_us, process = excluded.process, left_us = NULL,
            needs_workers = excluded.needs_workers,
            since_us = CASE WHEN p.process = excluded.process AND p.left_us IS NULL THEN p.since_us
                            ELSE excluded.since_us END;
    DELETE FROM chimera.presence p WHERE p.role = chimera.caller() AND p.seen_us < now_us - 86400000000;
END
$fn$;

-- Whoever ends in order is missed by nobody, unless others need it.
CREATE OR REPLACE FUNCTION chimera.be_gone(p_who text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
    UPDATE chimera.presence p SET left_us = chimera.now_us(), seen_us = chimera.now_us()
    WHERE p.role = chimera.caller() AND p.who = p_who
$fn$;

-- What a manager hears of worker processes: by name, which process that is, what it says of itself, how long it has been
-- silent, and whether it said that it ends. Several managers hear the same; who heard last counts.
CREATE FUNCTION chimera.hear_workers(p_who text[], p_process text[], p_about text[], p_silent_us bigint[], p_left boolean[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    now_us bigint := chimera.now_us();
BEGIN
    INSERT INTO chimera.presence AS p (role, who, process, about, since_us, seen_us, left_us)
        SELECT 'worker', h.who, h.process, h.about, now_us - h.silent_us, now_us - h.silent_us,
               CASE WHEN h.has_left THEN now_us - h.silent_us END
        FROM unnest(p_who, p_process, p_about, p_silent_us, p_left) AS h (who, process, about, silent_us, has_left)
        ORDER BY h.who
        ON CONFLICT (role, who) DO UPDATE SET seen_us = excluded.seen_us, process = excluded.process,
            about = excluded.about, left_us = excluded.left_us,
            since_us = CASE WHEN p.process = excluded.process AND p.left_us IS NULL OR excluded.left_us IS NOT NULL
                            THEN p.since_us ELSE excluded.since_us END
        WHERE p.seen_us < excluded.seen_us;
    DELETE FROM chimera.presence p WHERE p.role = 'worker' AND p.seen_us < now_us - 86400000000;
END
$fn$;

-- Who was heard of within a day, how long ago, whether it ended in order, and the slots that a manager holds now.
DROP FUNCTION chimera.who_is_present();
CREATE FUNCTION chimera.who_is_present()
RETURNS TABLE (role text, who text, process text, about text, since_us bigint, silent_us bigint, has_left boolean,
               needs_workers boolean, slots int[]) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
    SELECT p.role, p.who, p.process, p.about, p.since_us, greatest(0, chimera.now_us() - p.seen_us),
           p.left_us IS NOT NULL, p.needs_workers,
           coalesce((SELECT array_agg(s.number ORDER BY s.number) FROM chimera.slot s
                     WHERE p.role = 'manager' AND s.holder = p.who AND s.until_us > chimera.now_us()), '{}')
    FROM chimera.presence p WHERE p.seen_us > chimera.now_us() - 86400000000 ORDER BY p.role, p.since_us, p.who
$fn$;

REVOKE ALL ON FUNCTION chimera.be_present(text, text, boolean), chimera.who_is_present(),
    chimera.hear_workers(text[], text[], text[], bigint[], boolean[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.be_present(text, text, boolean)
    TO chimera_office, chimera_manager, chimera_effects, chimera_gateway;
GRANT EXECUTE ON FUNCTION chimera.hear_workers(text[], text[], text[], bigint[], boolean[]) TO chimera_manager;
GRANT EXECUTE ON FUNCTION chimera.who_is_present() TO chimera_auditor;
