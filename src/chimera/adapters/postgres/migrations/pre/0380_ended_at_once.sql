-- What stays in the house is held, captured and spent in the commit that grants it (ADR-184): the window moves once, and
-- the ledger has one booking, with nothing set aside in between.

-- A hold that comes captured has had nothing set aside.
CREATE OR REPLACE FUNCTION chimera.book_holds() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = on AS $fn$
DECLARE
    moment bigint := chimera.now_us();
BEGIN
    WITH told AS MATERIALIZED (
        SELECT h.id, h.state, b.amount_micros AS amount, coalesce(b.captured_micros, 0) AS spent,
               CASE WHEN h.state = 'held' THEN 1 WHEN h.version = 1 THEN 0 ELSE -1 END AS side, b.task_id AS task,
               coalesce(nullif(b.category, ''), 'other') AS category, coalesce(o.agent, 'fleet') AS agent, o.campaign
        FROM written h,
             LATERAL json_to_record(convert_from(h.body, 'UTF8')::json) AS b (
                 amount_micros bigint, captured_micros bigint, task_id uuid, category text, windows text[]),
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
        (3, t.campaign || ':' || t.category, t.campaign, t.category, t.spent),
        (4, t.campaign || ':model', t.campaign, 'model', -t.spent)) AS l (leg, account, owner, category, micros)
    WHERE l.micros <> 0 AND l.account IS NOT NULL;
    RETURN NULL;
END
$fn$;

-- What one movement holds and releases at once was never held before: only what is released beyond it has to be there.
-- As before (0365), the one update locks in the order of its ids, and asks of the row as it is once it is locked.
CREATE OR REPLACE FUNCTION chimera.move_together(failed boolean[], changes int[], wanted text[], holds bigint[],
                                                 releases bigint[], meters bigint[]) RETURNS boolean LANGUAGE plpgsql AS $fn$
DECLARE
    sums record;
    moved int;
BEGIN
    SELECT array_agg(s.id ORDER BY s.id) AS ids, array_agg(s.hold ORDER BY s.id) AS holds,
           array_agg(s.release ORDER BY s.id) AS releases, array_agg(s.net ORDER BY s.id) AS nets,
           array_agg(s.meter ORDER BY s.id) AS meters
    INTO sums
    FROM (SELECT m.id, sum(m.hold) AS hold, sum(m.release) AS release, sum(m.meter) AS meter,
                 sum(greatest(0, m.release - m.hold)) AS net
          FROM unnest(changes, wanted, holds, releases, meters) AS m (change, id, hold, release, meter)
          WHERE NOT failed[m.change]
          GROUP BY m.id) s;
    IF sums.ids IS NULL THEN
        RETURN true;
    END IF;
    UPDATE chimera.window_of_budget w
    SET held_micros = w.held_micros + s.hold - s.release, spent_micros = w.spent_micros + s.meter
    FROM unnest(sums.ids, sums.holds, sums.releases, sums.nets, sums.meters) AS s (id, hold, release, net, meter)
    WHERE w.id = s.id
      -- Where the limit was lowered below what is held and spent, nothing fits.
      AND s.net <= w.held_micros
      AND s.hold + s.meter <= w.limit_micros - w.held_micros - w.spent_micros - w.overrun_micros;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved = cardinality(sums.ids);
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
