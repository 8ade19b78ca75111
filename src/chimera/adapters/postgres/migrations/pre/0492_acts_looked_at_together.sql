-- What is asked before and at an act is asked once for all acts that come together (ADR-213).

-- The dossiers of grants, all of one moment, by one statement that a session plans once. Whoever calls it needs the rights
-- to read.
CREATE FUNCTION chimera.dossiers(p_grants uuid[]) RETURNS TABLE (
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
               b.version, b.state, b.due_us, b.body, a.version, a.state, a.due_us, a.body, in_force
        FROM unnest(p_grants) AS asked (id)
        JOIN chimera."grant" g ON g.id = asked.id
        LEFT JOIN chimera.seal s ON s.id = asked.id
        LEFT JOIN chimera.batch b ON b.id = s.scope::uuid
        LEFT JOIN chimera.agent a ON a.id = (convert_from(g.body, 'UTF8')::json -> 'terms' ->> 'agent_id')::uuid;
END
$fn$;
REVOKE ALL ON FUNCTION chimera.dossiers(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.dossiers(uuid[])
    TO chimera_office, chimera_manager, chimera_effects, chimera_maintenance, chimera_auditor, chimera_gateway;

-- As before. Rows of a slice stand in the order of their ids, and a performance has its grant's id, as its seal has: where
-- nothing else is done to seals, the first performance goes with the first of them, and one look tells of all.
CREATE OR REPLACE FUNCTION chimera.may_perform(s_kind text[], s_verb text[], s_first int[], s_last int[],
                                               r_change int[], r_id uuid[], r_version bigint[], r_state text[])
RETURNS boolean LANGUAGE plpgsql AS $fn$
DECLARE
    a int;
    b int;
    c int;
    d int;
BEGIN
    FOR s IN 1 .. coalesce(cardinality(s_kind), 0) LOOP
        IF s_kind[s] = 'performance' AND s_verb[s] = 'insert' THEN
            a := s_first[s];
            b := s_last[s];
        ELSIF s_kind[s] = 'seal' AND s_verb[s] = 'update' THEN
            c := s_first[s];
            d := s_last[s];
        END IF;
    END LOOP;
    IF a IS NULL THEN
        RETURN true;
    END IF;
    IF b - a = d - c THEN
        RETURN b - a + 1 = (
            SELECT count(*) FROM generate_series(0, b - a) AS n
            JOIN chimera.seal s ON s.id = r_id[a + n]
            JOIN chimera."grant" g ON g.id = r_id[a + n]
            JOIN chimera.batch t ON t.id = s.scope::uuid
            WHERE r_id[c + n] = r_id[a + n] AND r_change[c + n] = r_change[a + n] AND r_state[c + n] = 'taken'
              AND s.state = 'ready' AND s.version = r_version[c + n] - 1 AND g.due_us > chimera.now_us());
    END IF;
    RETURN NOT EXISTS (SELECT FROM chimera.check_performances(r_change[a:b], r_id[a:b], r_change[c:d], r_id[c:d],
                                                              r_state[c:d]))
       AND NOT EXISTS (SELECT FROM generate_series(c, d) AS n JOIN chimera.seal s ON s.id = r_id[n]
                       WHERE s.version <> r_version[n] - 1);
END
$fn$;
