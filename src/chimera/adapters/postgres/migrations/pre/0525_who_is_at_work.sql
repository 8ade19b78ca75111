-- Which processes of a house are at work, since when, and when each was last heard of, by the database's clock. Nothing here
-- is history or decides anything: what keeps two apart is the fence of their writers. A table without a log, so that saying
-- it costs no write to the disk; after a crash of the server it is empty until each has spoken again.
CREATE UNLOGGED TABLE chimera.presence (
    role     text   COLLATE "C" NOT NULL,
    who      text   COLLATE "C" NOT NULL CHECK (length(who) <= 300),
    process  text   COLLATE "C" NOT NULL CHECK (length(process) <= 300),
    since_us bigint NOT NULL,
    seen_us  bigint NOT NULL,
    PRIMARY KEY (role, who)
) WITH (fillfactor = 20);
REVOKE ALL ON TABLE chimera.presence FROM PUBLIC;

-- Each speaks for its own role. What has been silent for a day is forgotten.
CREATE FUNCTION chimera.be_present(p_who text, p_process text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    now_us bigint := chimera.now_us();
BEGIN
    INSERT INTO chimera.presence AS p (role, who, process, since_us, seen_us)
        VALUES (chimera.caller(), p_who, p_process, now_us, now_us)
        ON CONFLICT (role, who) DO UPDATE SET seen_us = excluded.seen_us, process = excluded.process,
            since_us = CASE WHEN p.process = excluded.process THEN p.since_us ELSE excluded.since_us END;
    DELETE FROM chimera.presence p WHERE p.role = chimera.caller() AND p.seen_us < now_us - 86400000000;
END
$fn$;

-- Whoever ends in order is missed by nobody.
CREATE FUNCTION chimera.be_gone(p_who text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
    DELETE FROM chimera.presence p WHERE p.role = chimera.caller() AND p.who = p_who
$fn$;

-- Who was heard of within a day, how long ago, and the slots that a manager holds now.
CREATE FUNCTION chimera.who_is_present()
RETURNS TABLE (role text, who text, process text, since_us bigint, silent_us bigint, slots int[]) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
    SELECT p.role, p.who, p.process, p.since_us, greatest(0, chimera.now_us() - p.seen_us),
           coalesce((SELECT array_agg(s.number ORDER BY s.number) FROM chimera.slot s
                     WHERE p.role = 'manager' AND s.holder = p.who AND s.until_us > chimera.now_us()), '{}')
    FROM chimera.presence p WHERE p.seen_us > chimera.now_us() - 86400000000 ORDER BY p.role, p.since_us, p.who
$fn$;

REVOKE ALL ON FUNCTION chimera.be_present(text, text), chimera.be_gone(text), chimera.who_is_present() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.be_present(text, text), chimera.be_gone(text)
    TO chimera_office, chimera_manager, chimera_effects, chimera_gateway;
GRANT EXECUTE ON FUNCTION chimera.who_is_present() TO chimera_auditor;
