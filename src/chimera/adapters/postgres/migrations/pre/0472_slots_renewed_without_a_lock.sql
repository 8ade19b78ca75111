-- Renewing one's own slots asks for no lock: a hundred managers did that one after the other, and whoever stood still with the
-- lock kept all of them waiting. Only whoever takes a slot takes turns, and only where there is one to take.

CREATE OR REPLACE FUNCTION chimera.hold_slots(p_holder text, p_numbers int[], p_more int, p_lease_us bigint)
RETURNS TABLE (number int, until_us bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
DECLARE
    now_us bigint := chimera.now_us();
    may_take boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = chimera.caller() AND m.what = 'claim') THEN
        RAISE EXCEPTION 'slots' USING ERRCODE = 'CH002';
    END IF;
    may_take := p_more > 0 AND EXISTS (
        SELECT FROM unnest(p_numbers) n
        WHERE NOT EXISTS (SELECT FROM chimera.slot t WHERE t.number = n AND t.until_us > now_us));
    IF may_take THEN
        -- Before anything is written: two that wait for one another's rows would wait for ever.
        LOCK TABLE chimera.slot IN SHARE ROW EXCLUSIVE MODE;
        now_us := chimera.now_us();
        DELETE FROM chimera.slot_holder h WHERE h.until_us <= now_us;
    END IF;
    INSERT INTO chimera.slot_holder AS h (holder, until_us) VALUES (p_holder, now_us + p_lease_us)
        ON CONFLICT (holder) DO UPDATE SET until_us = excluded.until_us;
    UPDATE chimera.slot s SET until_us = now_us + p_lease_us WHERE s.holder = p_holder AND s.number = ANY (p_numbers);
    IF may_take THEN
        INSERT INTO chimera.slot AS s (number, holder, until_us)
            SELECT n, p_holder, now_us + p_lease_us FROM unnest(p_numbers) n
            WHERE NOT EXISTS (SELECT FROM chimera.slot t WHERE t.number = n AND t.until_us > now_us)
            ORDER BY n LIMIT p_more
            ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us;
    END IF;
    RETURN QUERY SELECT s.number, s.until_us FROM chimera.slot s
                 WHERE s.holder = p_holder AND s.until_us > now_us ORDER BY s.number;
END
$fn$;
