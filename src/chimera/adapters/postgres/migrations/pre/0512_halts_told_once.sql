-- As before (0492), but what is halted is told once for all dossiers of a look, in the first row: with 5,000 halts in force the
-- 256 of one look were 57 MB, each of them the same list.
CREATE OR REPLACE FUNCTION chimera.dossiers(p_grants uuid[]) RETURNS TABLE (
    id uuid, now_us bigint, version bigint, state text, due_us bigint, body bytea,
    seal_version bigint, seal_state text, seal_due_us bigint, seal_body bytea,
    batch_version bigint, batch_state text, batch_due_us bigint, batch_body bytea,
    agent_version bigint, agent_state text, agent_due_us bigint, agent_body bytea, halted text[]
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    in_force text[] := ARRAY(SELECT DISTINCT h.scope FROM chimera.halt h WHERE h.state = 'active');
BEGIN
    RETURN QUERY
        SELECT g.id, chimera.now_us(), g.version, g.state, g.due_us, g.body, s.version, s.state, s.due_us, s.body,
               b.version, b.state, b.due_us, b.body, a.version, a.state, a.due_us, a.body,
               CASE WHEN row_number() OVER () = 1 THEN in_force END
        FROM unnest(p_grants) AS asked (id)
        JOIN chimera."grant" g ON g.id = asked.id
        LEFT JOIN chimera.seal s ON s.id = asked.id
        LEFT JOIN chimera.batch b ON b.id = s.scope::uuid
        LEFT JOIN chimera.agent a ON a.id = (convert_from(g.body, 'UTF8')::json -> 'terms' ->> 'agent_id')::uuid;
END
$fn$;
