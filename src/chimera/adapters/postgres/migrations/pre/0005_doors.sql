-- What a role may call beside the commit: opening a writer, claiming tasks, making partitions ahead of time.

-- Opens the writer at its next epoch and fences whoever had it. Waits for a commit that is under way. With an epoch, only
-- that one is continued, under its next session: a client that lost its connection does not fence its successor.
CREATE FUNCTION chimera.open_writer(p_writer text, p_epoch bigint DEFAULT NULL) RETURNS chimera.head
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    caller text := chimera.caller();
    head chimera.head;
    child text;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = caller AND m.what = 'commit') THEN
        RAISE EXCEPTION 'the chain of %', p_writer USING ERRCODE = 'CH002';
    END IF;
    INSERT INTO chimera.head (writer, role, epoch, session, seq, hash)
    VALUES (p_writer, caller, 0, 0, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING
    RETURNING * INTO head;
    IF head.number IS NOT NULL THEN
        child := 'event_' || head.number;
        EXECUTE format('CREATE TABLE chimera.%I (LIKE chimera.event) PARTITION BY RANGE (seq)', child);
        EXECUTE format('CREATE TABLE chimera.%I PARTITION OF chimera.%I DEFAULT', child || '_default', child);
        EXECUTE format('ALTER TABLE chimera.event ATTACH PARTITION chimera.%I FOR VALUES IN (%L)', child, p_writer);
    END IF;
    SELECT * INTO head FROM chimera.head h WHERE h.writer = p_writer FOR NO KEY UPDATE;
    IF head.role <> caller THEN
        RAISE EXCEPTION 'the chain of %', p_writer USING ERRCODE = 'CH002';
    END IF;
    IF head.epoch <> p_epoch THEN
        RAISE EXCEPTION '%', p_writer USING ERRCODE = 'CH001';
    END IF;
    IF p_epoch IS NOT NULL THEN
        UPDATE chimera.head h SET session = h.session + 1 WHERE h.writer = p_writer RETURNING * INTO head;
        RETURN head;
    END IF;
    UPDATE chimera.head h SET epoch = h.epoch + 1, session = 1 WHERE h.writer = p_writer RETURNING * INTO head;
    INSERT INTO chimera.answer (writer, epoch, batch, fault_changes, fault_codes, fault_details)
    VALUES (p_writer, head.epoch, 0, '{}', '{}', '{}');
    DELETE FROM chimera.answer a WHERE a.writer = p_writer AND a.epoch < head.epoch - 1000;
    RETURN head;
END
$fn$;

-- Leases tasks that are due, best rank first, then longest due. The body stays: attempt and state follow from the version.
CREATE FUNCTION chimera.claim(p_writer text, p_epoch bigint, p_shards int[], p_limit int, p_lease_us bigint)
RETURNS TABLE (version bigint, state text, due_us bigint, body bytea) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    head chimera.head;
    halted text[];
    by_agent boolean;
    now_us bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = chimera.caller() AND m.what = 'claim') THEN
        RAISE EXCEPTION 'leases' USING ERRCODE = 'CH002';
    END IF;
    LOCK TABLE chimera.gate IN ROW SHARE MODE;
    SELECT * INTO head FROM chimera.head h WHERE h.writer = p_writer;
    IF head.epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION '%', p_writer USING ERRCODE = 'CH001';
    END IF;
    SELECT coalesce(array_agg(h.scope), '{}'), coalesce(bool_or(h.scope LIKE 'agent:%'), false)
    INTO halted, by_agent FROM chimera.halt h WHERE h.state = 'active';
    IF 'fleet' = ANY (halted) THEN
        RETURN;
    END IF;
    now_us := chimera.now_us();
    RETURN QUERY
        WITH free AS MATERIALIZED (
            SELECT t.id, t.rank, t.due_us FROM chimera.task t
            WHERE t.state IN ('ready', 'leased') AND t.due_us <= now_us AND t.shard = ANY (p_shards)
              AND (halted = '{}' OR 'campaign:' || t.scope <> ALL (halted))
              AND (NOT by_agent OR 'agent:' || (convert_from(t.body, 'UTF8')::json ->> 'agent_id') <> ALL (halted))
            ORDER BY t.rank, t.due_us, t.id LIMIT p_limit
            FOR NO KEY UPDATE SKIP LOCKED
        ), leased AS (
            UPDATE chimera.task t SET version = t.version + 1, state = 'leased', due_us = now_us + p_lease_us
            FROM free WHERE t.id = free.id
            RETURNING t.id, t.version, t.state, t.due_us, t.body, free.rank AS was_rank, free.due_us AS was_due_us
        )
        SELECT l.version, l.state, l.due_us, l.body FROM leased l ORDER BY l.was_rank, l.was_due_us, l.id;
END
$fn$;

-- Makes the partitions of this week and of the weeks ahead. What lies in a default partition and belongs into a new one
-- moves there. Returns how many were made.
CREATE FUNCTION chimera.make_partitions(p_weeks int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    k text;
    week timestamptz;
    child text;
    low uuid;
    high uuid;
    made int := 0;
BEGIN
    FOR k IN SELECT kind FROM chimera.kinds WHERE partitioned ORDER BY kind LOOP
        FOR w IN 0 .. p_weeks LOOP
            week := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(weeks => w);
            child := k || to_char(week AT TIME ZONE 'UTC', '_IYYY"w"IW');
            CONTINUE WHEN to_regclass(format('chimera.%I', child)) IS NOT NULL;
            low := chimera.first_id(week);
            high := chimera.first_id(week + interval '7 days');
            EXECUTE format('CREATE TABLE chimera.%I (LIKE chimera.%I INCLUDING CONSTRAINTS)', child, k);
            EXECUTE format('LOCK TABLE chimera.%I IN SHARE ROW EXCLUSIVE MODE', k);
            EXECUTE format('WITH moved AS (DELETE FROM chimera.%I WHERE id >= %L AND id < %L RETURNING *)
                            INSERT INTO chimera.%I SELECT * FROM moved', k || '_default', low, high, child);
            EXECUTE format('ALTER TABLE chimera.%I ATTACH PARTITION chimera.%I FOR VALUES FROM (%L) TO (%L)',
                           k, child, low, high);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$fn$;

-- The smallest id of a moment: ids begin with 48 bits of milliseconds.
CREATE FUNCTION chimera.first_id(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;
