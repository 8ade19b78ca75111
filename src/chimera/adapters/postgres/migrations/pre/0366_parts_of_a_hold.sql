-- What was captured from a task's hold was for models, for the tools it called and for what it keeps of media: each is booked
-- to an account of its own, as the hold says (`captured_parts`). A hold without parts is booked as before. One that comes
-- captured, for an act that stays in the house (ADR-184), has had nothing set aside.

CREATE FUNCTION chimera.sum_of_parts(parts json) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $fn$
BEGIN
    IF parts IS NULL OR parts::text = '{}' THEN
        RETURN 0;
    END IF;
    RETURN coalesce((SELECT sum(p.micros::bigint) FROM json_each_text(parts) AS p (name, micros)), 0);
END
$fn$;

CREATE OR REPLACE FUNCTION chimera.book_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on AS $fn$
DECLARE
    moment bigint := chimera.now_us();
BEGIN
    WITH told AS MATERIALIZED (
        SELECT h.id, h.state, b.amount_micros AS amount, coalesce(b.captured_micros, 0) AS spent,
               b.captured_parts AS parts,
               CASE WHEN h.state = 'held' THEN 1 WHEN h.version = 1 THEN 0 ELSE -1 END AS side, b.task_id AS task,
               coalesce(nullif(b.category, ''), 'other') AS category, coalesce(o.agent, 'fleet') AS agent, o.campaign
        FROM written h,
             LATERAL json_to_record(convert_from(h.body, 'UTF8')::json) AS b (
                 amount_micros bigint, captured_micros bigint, captured_parts json, task_id uuid, category text, windows text[]),
             LATERAL (
                 SELECT max(split_part(w, '|', 1)) FILTER (WHERE starts_with(w, 'agent:')) AS agent,
                        max(split_part(w, '|', 1))
                            FILTER (WHERE starts_with(w, 'campaign:') AND right(w, 12) = '|total|total') AS campaign
                 FROM unnest(b.windows) w) o
        WHERE b.amount_micros <> 0 OR b.captured_micros <> 0
    ), made AS (
        INSERT INTO chimera.booking (kind, cause, at_us)
        SELECT t.state, t.id, moment FROM told t WHERE t.side <> 0 OR (t.spent <> 0 AND t.campaign IS NOT NULL)
        ON CONFLICT (cause, kind) WHERE cause IS NOT NULL DO NOTHING
        RETURNING id, cause
    )
    INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros, task)
    SELECT m.id, l.leg, l.account, l.owner, l.category, l.micros, t.task
    FROM made m JOIN told t ON t.id = m.cause, LATERAL (VALUES
        (1, t.agent || ':held', t.agent, 'held', t.side * t.amount), (2, 'fleet:cash', 'fleet', 'cash', -t.side * t.amount),
        (3, t.campaign || ':' || t.category, t.campaign, t.category, t.spent - chimera.sum_of_parts(t.parts)),
        (4, t.campaign || ':model', t.campaign, 'model', -t.spent)
        UNION ALL
        SELECT 4 + p.n::int, t.campaign || ':' || p.name, t.campaign, p.name, p.micros::bigint
        FROM json_each_text(t.parts) WITH ORDINALITY AS p (name, micros, n)) AS l (leg, account, owner, category, micros)
    WHERE l.micros <> 0 AND l.account IS NOT NULL;
    RETURN NULL;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
