-- A claim that finds nothing writes nothing, and so does not open every week of tasks with all its indexes for writing: most
-- looks find nothing, since what a plan makes ready goes out with the plan (ADR-213). As before otherwise.
CREATE OR REPLACE FUNCTION chimera.claim(p_writer text, p_epoch bigint, p_shards int[], p_limit int, p_lease_us bigint,
                                         p_types text[], p_most int[])
RETURNS TABLE (version bigint, state text, due_us bigint, body bytea) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    head chimera.head;
    halted text[];
    by_agent boolean;
    now_us bigint;
    chosen uuid[];
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
    IF p_types = '{}' THEN
        -- Locked here, and so still free when it is leased below.
        SELECT array_agg(free.id) INTO chosen FROM (
            SELECT t.id FROM chimera.task t
            WHERE t.state IN ('ready', 'leased') AND t.due_us <= now_us AND t.shard = ANY (p_shards)
              AND (halted = '{}' OR 'campaign:' || t.scope <> ALL (halted))
              AND (NOT by_agent OR 'agent:' || (convert_from(t.body, 'UTF8')::json ->> 'agent_id') <> ALL (halted))
            ORDER BY t.rank, t.due_us, t.id LIMIT p_limit
            FOR NO KEY UPDATE SKIP LOCKED
        ) free;
    ELSE
        -- Of each limited type as many as may go, of all others (NULL) as many as are asked for; of these together the best.
        SELECT array_agg(best.id) INTO chosen FROM (
            SELECT found.id FROM unnest(p_types || NULL::text, p_most || p_limit) AS part (type, most), LATERAL (
                SELECT t.id, t.rank, t.due_us FROM chimera.task t
                WHERE t.state IN ('ready', 'leased') AND t.due_us <= now_us AND t.shard = ANY (p_shards)
                  AND (halted = '{}' OR 'campaign:' || t.scope <> ALL (halted))
                  AND (NOT by_agent OR 'agent:' || (convert_from(t.body, 'UTF8')::json ->> 'agent_id') <> ALL (halted))
                  AND CASE WHEN part.type IS NULL THEN chimera.type_of_task(t.body) <> ALL (p_types)
                           ELSE chimera.type_of_task(t.body) = part.type END
                ORDER BY t.rank, t.due_us, t.id LIMIT part.most) AS found
            ORDER BY found.rank, found.due_us, found.id LIMIT p_limit
        ) best;
    END IF;
    IF chosen IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH free AS MATERIALIZED (
            SELECT t.id, t.rank, t.due_us FROM chimera.task t
            WHERE t.id = ANY (chosen) AND t.state IN ('ready', 'leased') AND t.due_us <= now_us
            FOR NO KEY UPDATE SKIP LOCKED
        ), leased AS (
            UPDATE chimera.task t SET version = t.version + 1, state = 'leased', due_us = now_us + p_lease_us
            FROM free WHERE t.id = free.id
            RETURNING t.id, t.version, t.state, t.due_us, t.body, free.rank AS was_rank, free.due_us AS was_due_us
        )
        SELECT l.version, l.state, l.due_us, l.body FROM leased l ORDER BY l.was_rank, l.was_due_us, l.id;
END
$fn$;
