-- The ledger: what every movement of money was for, in two entries. Written by triggers in the transaction that moves the
-- windows and the holds, so that no code can forget it and no book can differ from a window. Nobody may change it again.

-- `spending` is the CFO's word on one payment, `revenue` money that came in. Both are kept for good and never change.
SELECT chimera.add_kind('spending', false, '{}');
SELECT chimera.add_kind('revenue', false, '{}');
ALTER TABLE chimera.spending ADD CHECK (version = 1);
ALTER TABLE chimera.revenue ADD CHECK (version = 1);
CREATE INDEX ON chimera.spending (scope);
CREATE INDEX ON chimera.revenue (scope);

-- ── the books ───────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE chimera.booking (
    kind   text   NOT NULL CHECK (kind IN ('metered', 'held', 'captured', 'released', 'revenue', 'refund')),
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The hold or the revenue behind it; nothing for metered cost, which is booked once for a whole batch.
    cause  uuid,
    at_us  bigint NOT NULL
);
CREATE UNIQUE INDEX ON chimera.booking (cause, kind) WHERE cause IS NOT NULL;

-- Debit is positive, credit negative. An account belongs to the fleet, an agent or a campaign: `fleet:cash`,
-- `agent:…:held`, `campaign:…:model`, `campaign:…:platform_fee`, `campaign:…:compute`, `campaign:…:revenue`.
CREATE TABLE chimera.ledger (
    booking  bigint NOT NULL,
    leg      int    NOT NULL CHECK (leg >= 1),
    account  text   COLLATE "C" NOT NULL,
    owner    text   COLLATE "C" NOT NULL,
    category text   COLLATE "C" NOT NULL,
    currency text   NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3,5}$'),
    micros   bigint NOT NULL CHECK (micros <> 0),
    task     uuid,
    PRIMARY KEY (booking, leg)
);
CREATE INDEX ON chimera.ledger (account);
CREATE INDEX ON chimera.ledger (owner, category);

REVOKE ALL ON chimera.booking, chimera.ledger FROM PUBLIC;

CREATE FUNCTION chimera.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    RAISE EXCEPTION 'the ledger is only added to' USING ERRCODE = 'CH004';
END
$fn$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chimera.booking
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chimera.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chimera.spending
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chimera.revenue
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.refuse_change();

-- At the end of the transaction every booking has two legs or more, and they sum to zero in every currency.
CREATE FUNCTION chimera.require_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- It runs when the commit's own settings are over: planned once, and by the index, however small the table still is.
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    legs bigint;
    uneven boolean;
BEGIN
    SELECT sum(c.legs), bool_or(c.micros <> 0) INTO legs, uneven
    FROM (SELECT count(*) AS legs, sum(l.micros) AS micros FROM chimera.ledger l WHERE l.booking = NEW.id
          GROUP BY l.currency) c;
    IF uneven IS NOT FALSE OR legs < 2 THEN
        RAISE EXCEPTION 'booking % does not balance', NEW.id USING ERRCODE = 'CH005';
    END IF;
    RETURN NULL;
END
$fn$;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON chimera.booking
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chimera.require_balance();

-- Nothing is added to an old booking either: whatever inserts legs leaves every booking that it touches at zero.
CREATE FUNCTION chimera.require_whole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
    IF EXISTS (SELECT FROM added a GROUP BY a.booking, a.currency HAVING sum(a.micros) <> 0) THEN
        RAISE EXCEPTION 'legs that do not balance' USING ERRCODE = 'CH005';
    END IF;
    RETURN NULL;
END
$fn$;
CREATE TRIGGER whole AFTER INSERT ON chimera.ledger REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.require_whole();

-- ── what writes them ────────────────────────────────────────────────────────────────────────────────────────────────

-- What campaigns spent in one batch, all of it in one booking: first as metered cost, and what was held for something is
-- booked to its category by the hold's own booking. A batch without cost writes nothing.
CREATE FUNCTION chimera.book_windows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on AS $fn$
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
          WHERE n.id LIKE 'campaign:%|total|total'
            AND n.spent_micros + n.overrun_micros <> o.spent_micros + o.overrun_micros) d;
    IF spent.owners IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO chimera.booking (kind, at_us) VALUES ('metered', chimera.now_us()) RETURNING id INTO number;
    INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros)
    SELECT number, s.n, s.owner || ':model', s.owner, 'model', s.micros
    FROM unnest(spent.owners, spent.amounts) WITH ORDINALITY AS s (owner, micros, n)
    UNION ALL SELECT number, cardinality(spent.owners) + 1, 'fleet:cash', 'fleet', 'cash', -spent.total;
    RETURN NULL;
END
$fn$;
CREATE TRIGGER booked AFTER UPDATE ON chimera.window_of_budget REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.book_windows();

-- The bookings of holds, all of a batch in one statement. `held` moves cash aside; `captured` gives it back and books the
-- cost to what it was for, out of the campaign's metered cost, into which its window put it; `released` only gives it back.
CREATE FUNCTION chimera.book_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on AS $fn$
DECLARE
    moment bigint := chimera.now_us();
BEGIN
    WITH parsed AS MATERIALIZED (
        SELECT h.id, h.state, j.body, (j.body ->> 'amount_micros')::bigint AS amount,
               coalesce((j.body ->> 'captured_micros')::bigint, 0) AS spent
        FROM written h, LATERAL (SELECT convert_from(h.body, 'UTF8')::json AS body) j
    ), told AS MATERIALIZED (
        SELECT p.id, p.state, p.amount, p.spent, CASE WHEN p.state = 'held' THEN 1 ELSE -1 END AS side,
               (p.body ->> 'task_id')::uuid AS task, coalesce(nullif(p.body ->> 'category', ''), 'other') AS category,
               coalesce(o.agent, 'fleet') AS agent, o.campaign
        FROM parsed p, LATERAL (
            SELECT max(split_part(w, '|', 1)) FILTER (WHERE starts_with(w, 'agent:')) AS agent,
                   max(split_part(w, '|', 1)) FILTER (WHERE starts_with(w, 'campaign:') AND right(w, 12) = '|total|total')
                       AS campaign
            FROM json_array_elements_text(p.body -> 'windows') w) o
        WHERE p.amount <> 0 OR p.spent <> 0
    ), made AS (
        INSERT INTO chimera.booking (kind, cause, at_us) SELECT t.state, t.id, moment FROM told t
        ON CONFLICT (cause, kind) WHERE cause IS NOT NULL DO NOTHING
        RETURNING id, cause
    )
    INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros, task)
    SELECT m.id, l.leg, l.account, l.owner, l.category, l.micros, t.task
    FROM made m JOIN told t ON t.id = m.cause, LATERAL (VALUES
        (1, t.agent || ':held', t.agent, 'held', t.side * t.amount), (2, 'fleet:cash', 'fleet', 'cash', -t.side * t.amount),
        (3, t.campaign || ':' || t.category, t.campaign, t.category, t.spent),
        (4, t.campaign || ':model', t.campaign, 'model', -t.spent)) AS l (leg, account, owner, category, micros)
    WHERE l.micros <> 0 AND l.account IS NOT NULL;
    RETURN NULL;
END
$fn$;
CREATE TRIGGER booked_new AFTER INSERT ON chimera.hold REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.book_holds();
CREATE TRIGGER booked_ended AFTER UPDATE ON chimera.hold REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.book_holds();

CREATE FUNCTION chimera.book_revenues() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    r record;
    number bigint;
BEGIN
    FOR r IN SELECT w.id, convert_from(w.body, 'UTF8')::json AS body FROM written w LOOP
        INSERT INTO chimera.booking (kind, cause, at_us)
        VALUES (CASE WHEN r.body ->> 'source' = 'refund' THEN 'refund' ELSE 'revenue' END, r.id, chimera.now_us())
        RETURNING id INTO number;
        INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros, task)
        SELECT number, l.leg, l.account, l.owner, l.category, l.micros, nullif(r.body ->> 'task_id', '')::uuid
        FROM (VALUES
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
CREATE TRIGGER booked AFTER INSERT ON chimera.revenue REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.book_revenues();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
