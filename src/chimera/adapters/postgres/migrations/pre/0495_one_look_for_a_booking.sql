-- A hold that ends is looked up among the bookings by their index. Planned while there were few, the look of 0490 went through
-- all bookings, into a table of its own, once for every batch in which a hold ended, and longer each time. `OFFSET 0` leaves
-- the planner no other way than one look for each.

CREATE OR REPLACE FUNCTION chimera.book_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on SET enable_seqscan = off AS $fn$
DECLARE
    moment bigint := chimera.now_us();
BEGIN
    WITH parsed AS (
        SELECT h.id, h.state, b.amount_micros AS amount, coalesce(b.captured_micros, 0) AS spent,
               CASE WHEN b.captured_parts <> '{}' THEN b.captured_parts::json END AS parts,
               CASE WHEN h.state = 'held' THEN 1 WHEN h.version = 1 THEN 0 ELSE -1 END AS side, b.task_id AS task,
               coalesce(nullif(b.category, ''), 'other') AS category,
               coalesce(CASE WHEN strpos(b.windows, '\') > 0 THEN chimera.owner_in(b.windows, 'agent:', '')
                             WHEN strpos(b.windows, '"agent:') > 0
                             THEN 'agent:' || split_part(split_part(split_part(b.windows, '"agent:', 2), '"', 1), '|', 1)
                        END, 'fleet') AS agent,
               -- The first total is the campaign's, nearly always.
               CASE WHEN strpos(b.windows, '\') = 0
                         AND starts_with(split_part(split_part(b.windows, '|total|total"', 1), '"', -1), 'campaign:')
                    THEN split_part(split_part(split_part(b.windows, '|total|total"', 1), '"', -1), '|', 1)
                    ELSE chimera.owner_in(b.windows, 'campaign:', '|total|total')
               END AS campaign
        FROM written h,
             LATERAL json_to_record(convert_from(h.body, 'UTF8')::json) AS b (
                 amount_micros bigint, captured_micros bigint, captured_parts text, task_id uuid, category text, windows text)
        WHERE (b.amount_micros <> 0 OR b.captured_micros <> 0)
          AND (h.version = 1
               OR NOT EXISTS (SELECT FROM chimera.booking k WHERE k.cause = h.id AND k.kind = h.state OFFSET 0))
        -- So that nothing above is reckoned twice.
        OFFSET 0
    ), told AS MATERIALIZED (
        SELECT p.*, nextval('chimera.booking_id_seq') AS booking FROM parsed p
        WHERE p.side <> 0 OR (p.spent <> 0 AND p.campaign IS NOT NULL)
    ), made AS (
        INSERT INTO chimera.booking (kind, id, cause, at_us) OVERRIDING SYSTEM VALUE
        SELECT t.state, t.booking, t.id, moment FROM told t
    )
    INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros, task)
    SELECT t.booking, l.leg, l.account, l.owner, l.category, l.micros, t.task
    FROM told t, LATERAL (VALUES
        (1, t.agent || ':held', t.agent, 'held', t.side * t.amount), (2, 'fleet:cash', 'fleet', 'cash', -t.side * t.amount),
        (3, t.campaign || ':' || t.category, t.campaign, t.category,
         CASE WHEN t.parts IS NULL THEN t.spent ELSE t.spent - chimera.sum_of_parts(t.parts) END),
        (4, t.campaign || ':model', t.campaign, 'model', -t.spent)) AS l (leg, account, owner, category, micros)
    WHERE l.micros <> 0 AND l.account IS NOT NULL
    UNION ALL
    SELECT t.booking, 4 + p.n::int, t.campaign || ':' || p.name, t.campaign, p.name, p.micros::bigint, t.task
    FROM told t, LATERAL json_each_text(t.parts) WITH ORDINALITY AS p (name, micros, n)
    WHERE t.parts IS NOT NULL AND t.campaign IS NOT NULL AND p.micros::bigint <> 0;
    RETURN NULL;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
