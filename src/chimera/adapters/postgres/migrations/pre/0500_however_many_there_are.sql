-- What is looked for among halts, caps and campaigns, found without passing all that there are (ADR-218).

-- The caps of one scope are read once a second, what was lifted of one by breakers; campaigns have a cap each, for ever.
CREATE INDEX cap_of_scope ON chimera.cap (scope, id);
CREATE INDEX halt_of_scope ON chimera.halt (scope, id);

-- The campaigns that paid for something, newest last. What every decision books (notes, models, what is held) is not in it.
CREATE INDEX ledger_paid ON chimera.ledger (category, owner)
    WHERE category NOT IN ('notes', 'model', 'held', 'cash', 'revenue');
-- What came back of it: no window says so.
CREATE INDEX ledger_refunded ON chimera.ledger (owner)
    WHERE micros < 0 AND category NOT IN ('notes', 'model', 'held', 'cash', 'revenue');

-- In its own language, so that no plan takes all halts at once instead.
CREATE FUNCTION chimera.is_halted(p_scope text) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
    RETURN EXISTS (SELECT FROM chimera.halt h WHERE h.scope = p_scope AND h.state = 'active');
END
$fn$;
REVOKE ALL ON FUNCTION chimera.is_halted(text) FROM PUBLIC;

-- Each scope is looked for among the halts, where each was compared with all of them: with 5,000 halts in force a commit of
-- 256 tasks took a second. Only what changes is said here; whatever else these functions are by now, they stay.
DO $do$
DECLARE
    was text;
    now text;
    one record;
BEGIN
    FOR one IN
        SELECT p.oid, c.old, c.new FROM (VALUES
            ('commit_batch', $old$ARRAY(SELECT h.scope::text FROM chimera.halt h WHERE h.state = 'active') && b_scope$old$,
             $new$(EXISTS (SELECT FROM chimera.halt h WHERE h.state = 'active')
                   AND EXISTS (SELECT FROM unnest(b_scope) AS b (scope) WHERE chimera.is_halted(b.scope)))$new$),
            ('claim', $old$SELECT coalesce(array_agg(h.scope), '{}'), coalesce(bool_or(h.scope LIKE 'agent:%'), false)
    INTO halted, by_agent FROM chimera.halt h WHERE h.state = 'active';$old$,
             -- One of them stands for all: whether there is any.
             $new$halted := CASE WHEN chimera.is_halted('fleet') THEN '{fleet}'
                   ELSE ARRAY(SELECT h.scope::text FROM chimera.halt h WHERE h.state = 'active' LIMIT 1) END;
    by_agent := EXISTS (SELECT FROM chimera.halt h WHERE h.state = 'active' AND h.scope LIKE 'agent:%');$new$),
            ('claim', $old$'campaign:' || t.scope <> ALL (halted)$old$,
             $new$NOT chimera.is_halted('campaign:' || t.scope)$new$),
            ('claim', $old$'agent:' || (convert_from(t.body, 'UTF8')::json ->> 'agent_id') <> ALL (halted)$old$,
             $new$NOT chimera.is_halted('agent:' || (convert_from(t.body, 'UTF8')::json ->> 'agent_id'))$new$)
        ) AS c (name, old, new) JOIN pg_proc p ON p.proname = c.name AND p.pronamespace = 'chimera'::regnamespace
    LOOP
        was := pg_get_functiondef(one.oid);
        now := replace(was, one.old, one.new);
        IF now = was THEN
            RAISE EXCEPTION 'not in %: %', one.oid::regprocedure, one.old;
        END IF;
        EXECUTE now;
    END LOOP;
END
$do$;
