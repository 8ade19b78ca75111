-- What effects reads before it acts, planned once in a session: it was planned anew for each act, over every week's
-- partition of four tables, which took longer than the reading (ADR-209). Whoever calls it needs the rights to read.
CREATE FUNCTION chimera.dossier(p_grant uuid) RETURNS TABLE (
    now_us bigint, version bigint, state text, due_us bigint, body bytea,
    seal_version bigint, seal_state text, seal_due_us bigint, seal_body bytea,
    batch_version bigint, batch_state text, batch_due_us bigint, batch_body bytea,
    agent_version bigint, agent_state text, agent_due_us bigint, agent_body bytea, halted text[]
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    for_batch uuid;
    for_agent uuid;
BEGIN
    -- Stable: all statements see one moment. A batch whose id is known is looked for in one week only.
    SELECT chimera.now_us(), g.version, g.state, g.due_us, g.body, s.version, s.state, s.due_us, s.body, s.scope::uuid,
           (convert_from(g.body, 'UTF8')::json -> 'terms' ->> 'agent_id')::uuid
    INTO now_us, version, state, due_us, body, seal_version, seal_state, seal_due_us, seal_body, for_batch, for_agent
    FROM chimera."grant" g LEFT JOIN chimera.seal s ON s.id = p_grant WHERE g.id = p_grant;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT b.version, b.state, b.due_us, b.body INTO batch_version, batch_state, batch_due_us, batch_body
    FROM chimera.batch b WHERE b.id = for_batch;
    SELECT a.version, a.state, a.due_us, a.body INTO agent_version, agent_state, agent_due_us, agent_body
    FROM chimera.agent a WHERE a.id = for_agent;
    halted := ARRAY(SELECT DISTINCT h.scope FROM chimera.halt h WHERE h.state = 'active');
    RETURN NEXT;
END
$fn$;

REVOKE ALL ON FUNCTION chimera.dossier(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.dossier(uuid)
    TO chimera_office, chimera_manager, chimera_effects, chimera_maintenance, chimera_auditor, chimera_gateway;
