-- The same books by less work (ADR-213). A booking is written with its legs by one statement, so that it is looked at once
-- for all that the statement wrote, and not once each at the end of the transaction; what a hold's windows name is read from
-- their text; and the ledger has only the indexes that somebody asks for.

-- Whoever writes a booking writes its legs with it: at the end of the statement each has one. Whatever inserts legs leaves
-- every booking at zero in each currency (`require_whole`), no leg is nothing, and none is ever changed or taken away. So a
-- booking that has a leg has two or more that balance.
DROP TRIGGER balanced ON chimera.booking;
DROP FUNCTION chimera.require_balance();
CREATE FUNCTION chimera.require_legs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the index, however small the table still is.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    bare bigint;
BEGIN
    SELECT a.id INTO bare FROM added a WHERE NOT EXISTS (SELECT FROM chimera.ledger l WHERE l.booking = a.id) LIMIT 1;
    IF bare IS NOT NULL THEN
        RAISE EXCEPTION 'booking % does not balance', bare USING ERRCODE = 'CH005';
    END IF;
    RETURN NULL;
END
$fn$;
CREATE TRIGGER balanced AFTER INSERT ON chimera.booking REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.require_legs();

-- Of owners, only what campaigns earned is looked for among millions of legs; sums over everybody read everything anyway.
CREATE INDEX ledger_earned ON chimera.ledger (owner) WHERE category = 'revenue';
DROP INDEX chimera.ledger_owner_category_idx;

-- As before, in one statement.
CREATE OR REPLACE FUNCTION chimera.book_windows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on SET enable_nestloop = off AS $fn$
DECLARE
    spent record;
    number bigint;
BEGIN
    SELECT array_agg(d.owner ORDER BY d.owner) AS owners, array_agg(d.micros ORDER BY d.owner) AS amounts,
           sum(d.micros) AS total
    INTO spent
    FROM (SELECT substr(n.id, 1, length(n.id) - length('|total|total')) AS owner,
                 n.spent_micros + n.overrun_micros - o.spent_micros - o.overrun_micros AS micros
          FROM after_it n JOIN before_it o ON o.id = n.id
          WHERE n.id LIKE 'campaign:%|total|total' AND o.id LIKE 'campaign:%|total|total'
            AND n.spent_micros + n.overrun_micros <> o.spent_micros + o.overrun_micros) d;
    IF spent.owners IS NULL THEN
        RETURN NULL;
    END IF;
    number := nextval('chimera.booking_id_seq');
    WITH made AS (
        INSERT INTO chimera.booking (kind, id, at_us) OVERRIDING SYSTEM VALUE VALUES ('metered', number, chimera.now_us())
    )
    INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros)
    SELECT number, s.n, s.owner || ':model', s.owner, 'model', s.micros
    FROM unnest(spent.owners, spent.amounts) WITH ORDINALITY AS s (owner, micros, n)
    UNION ALL SELECT number, cardinality(spent.owners) + 1, 'fleet:cash', 'fleet', 'cash', -spent.total;
    RETURN NULL;
END
$fn$;

-- The first of the windows in a record's own text that begins with `begins`, up to its bar, and ends with `ends`. Where a
-- sign in them is escaped, a quote need not be the end of one: then they are taken apart.
CREATE FUNCTION chimera.owner_in(windows text, begins text, ends text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $fn$
BEGIN
    RETURN (SELECT split_part(w.id, '|', 1) FROM json_array_elements_text(windows::json) WITH ORDINALITY AS w (id, n)
            WHERE starts_with(w.id, begins) AND right(w.id, length(ends)) = ends ORDER BY w.n LIMIT 1);
END
$fn$;

-- The same bookings. A new hold cannot have one yet; one that ends may have been booked before.
CREATE OR REPLACE FUNCTION chimera.book_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on AS $fn$
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
          AND (h.version = 1 OR NOT EXISTS (SELECT FROM chimera.booking k WHERE k.cause = h.id AND k.kind = h.state))
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

-- As before, each in one statement.
CREATE OR REPLACE FUNCTION chimera.book_revenues() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT w.id, convert_from(w.body, 'UTF8')::json AS body FROM written w LOOP
        WITH made AS (
            INSERT INTO chimera.booking (kind, cause, at_us)
            VALUES (CASE WHEN r.body ->> 'source' = 'refund' THEN 'refund' ELSE 'revenue' END, r.id, chimera.now_us())
            RETURNING id
        )
        INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros, task)
        SELECT m.id, l.leg, l.account, l.owner, l.category, l.micros, nullif(r.body ->> 'task_id', '')::uuid
        FROM made m, (VALUES
            (1, 'fleet:cash', 'fleet', 'cash', (r.body ->> 'micros')::bigint),
            (2, 'campaign:' || (r.body ->> 'campaign_id') ||
                CASE WHEN r.body ->> 'source' = 'refund' THEN ':' || (r.body ->> 'category')
                     ELSE ':revenue:' || (r.body ->> 'source') END,
             'campaign:' || (r.body ->> 'campaign_id'),
             CASE WHEN r.body ->> 'source' = 'refund' THEN r.body ->> 'category' ELSE 'revenue' END,
             -(r.body ->> 'micros')::bigint)) AS l (leg, account, owner, category, micros);
    END LOOP;
    RETURN NULL;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
