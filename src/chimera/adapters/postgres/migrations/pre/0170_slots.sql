-- Which manager has which slot of shards, until when, by the database's clock. The lease says who may begin; what keeps
-- two apart is the fence: whoever gets a slot opens its writer anew. Nothing here is history.

CREATE TABLE chimera.slot (
    number   int    PRIMARY KEY CHECK (number >= 0),
    holder   text   COLLATE "C" NOT NULL,
    until_us bigint NOT NULL
) WITH (fillfactor = 20);
-- Who takes part, with or without a slot: a newcomer is counted, so that others give back what is too much.
CREATE TABLE chimera.slot_holder (
    holder   text   COLLATE "C" PRIMARY KEY,
    until_us bigint NOT NULL
) WITH (fillfactor = 20);
REVOKE ALL ON TABLE chimera.slot, chimera.slot_holder FROM PUBLIC;

-- The slots of these numbers that the holder has from now on: its own, renewed, and up to p_more that are free or whose
-- holder is silent. Only managers may ask.
CREATE FUNCTION chimera.hold_slots(p_holder text, p_numbers int[], p_more int, p_lease_us bigint)
RETURNS TABLE (number int, until_us bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
DECLARE
    now_us bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = chimera.caller() AND m.what = 'claim') THEN
        RAISE EXCEPTION 'slots' USING ERRCODE = 'CH002';
    END IF;
    LOCK TABLE chimera.slot IN SHARE ROW EXCLUSIVE MODE;
    now_us := chimera.now_us();
    DELETE FROM chimera.slot_holder h WHERE h.until_us <= now_us;
    INSERT INTO chimera.slot_holder AS h (holder, until_us) VALUES (p_holder, now_us + p_lease_us)
        ON CONFLICT (holder) DO UPDATE SET until_us = excluded.until_us;
    UPDATE chimera.slot s SET until_us = now_us + p_lease_us WHERE s.holder = p_holder AND s.number = ANY (p_numbers);
    INSERT INTO chimera.slot AS s (number, holder, until_us)
        SELECT n, p_holder, now_us + p_lease_us FROM unnest(p_numbers) n
        WHERE NOT EXISTS (SELECT FROM chimera.slot t WHERE t.number = n AND t.until_us > now_us)
        ORDER BY n LIMIT greatest(p_more, 0)
        ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us;
    RETURN QUERY SELECT s.number, s.until_us FROM chimera.slot s
                 WHERE s.holder = p_holder AND s.until_us > now_us ORDER BY s.number;
END
$fn$;

-- Gives a slot back before its lease is over; a number below zero ends the taking part.
CREATE FUNCTION chimera.leave_slot(p_holder text, p_number int) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
    DELETE FROM chimera.slot_holder WHERE holder = p_holder AND p_number < 0;
    DELETE FROM chimera.slot WHERE number = p_number AND holder = p_holder
$fn$;

-- How many managers take part now.
CREATE FUNCTION chimera.slot_holders() RETURNS bigint LANGUAGE sql SECURITY DEFINER STABLE
SET search_path = pg_catalog, pg_temp AS $fn$
    SELECT count(*) FROM chimera.slot_holder WHERE until_us > chimera.now_us()
$fn$;

-- What the writer's last instance had leased is due at once: it was fenced, and its leases can lead to nothing.
CREATE FUNCTION chimera.end_leases(p_writer text, p_epoch bigint, p_shards int[]) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    head chimera.head;
    ended bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = chimera.caller() AND m.what = 'claim') THEN
        RAISE EXCEPTION 'leases' USING ERRCODE = 'CH002';
    END IF;
    SELECT * INTO head FROM chimera.head h WHERE h.writer = p_writer;
    IF head.epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION '%', p_writer USING ERRCODE = 'CH001';
    END IF;
    UPDATE chimera.task t SET due_us = chimera.now_us()
    WHERE t.state = 'leased' AND t.shard = ANY (p_shards) AND t.due_us > chimera.now_us();
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$fn$;

REVOKE ALL ON FUNCTION chimera.hold_slots(text, int[], int, bigint), chimera.leave_slot(text, int),
    chimera.slot_holders(), chimera.end_leases(text, bigint, int[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.hold_slots(text, int[], int, bigint), chimera.leave_slot(text, int),
    chimera.slot_holders(), chimera.end_leases(text, bigint, int[]) TO chimera_manager;
