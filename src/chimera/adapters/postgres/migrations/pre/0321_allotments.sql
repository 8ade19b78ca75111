-- Managers hold allotments of the fleet's windows: a part of a window that its writer spends from in a row of its own, so
-- that several managers do not wait for one another at the fleet's three rows. What is allotted is held in the window, by
-- the same CHECK as every hold; what is not used goes back. Whoever finds no room folds all of it back before it refuses.
-- Order of locks: windows by id, then allotments by window and writer.

CREATE TABLE chimera.allotment (
    writer        text   COLLATE "C" NOT NULL,
    window_id     text   COLLATE "C" NOT NULL CHECK (starts_with(window_id, 'fleet|')),
    amount_micros bigint NOT NULL CHECK (amount_micros > 0),
    held_micros   bigint NOT NULL DEFAULT 0 CHECK (held_micros >= 0),
    spent_micros  bigint NOT NULL DEFAULT 0 CHECK (spent_micros >= 0),
    until_us      bigint NOT NULL,
    PRIMARY KEY (writer, window_id),
    CHECK (held_micros + spent_micros <= amount_micros)
) WITH (fillfactor = 20);
CREATE INDEX ON chimera.allotment (window_id);
REVOKE ALL ON chimera.allotment FROM PUBLIC;

-- Windows as they are: what is allotted and not used is room, what was spent from allotments is spent.
CREATE VIEW chimera.window_known AS
SELECT w.id, w.cap_micros, w.held_micros - a.unused_micros AS held_micros, w.spent_micros + a.spent_micros AS spent_micros,
       w.overrun_micros
FROM chimera.window_of_budget w, LATERAL (
    SELECT coalesce(sum(o.amount_micros - o.held_micros), 0)::bigint AS unused_micros,
           coalesce(sum(o.spent_micros), 0)::bigint AS spent_micros
    FROM chimera.allotment o WHERE o.window_id = w.id) a;
REVOKE ALL ON chimera.window_known FROM PUBLIC;

-- Gives back to their windows what was allotted of them: all of it, one writer's, or what is over at a moment.
CREATE FUNCTION chimera.fold_allotments(p_windows text[], p_writer text, p_over_us bigint) RETURNS void LANGUAGE plpgsql AS $fn$
DECLARE
    ids text[];
BEGIN
    SELECT array_agg(DISTINCT a.window_id) INTO ids FROM chimera.allotment a
    WHERE a.window_id = ANY (p_windows) AND (p_writer IS NULL OR a.writer = p_writer)
      AND (p_over_us IS NULL OR a.until_us <= p_over_us);
    IF ids IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM chimera.window_of_budget w WHERE w.id = ANY (ids) ORDER BY w.id FOR NO KEY UPDATE;
    PERFORM FROM chimera.allotment a WHERE a.window_id = ANY (ids) ORDER BY a.window_id, a.writer FOR UPDATE;
    WITH gone AS (
        DELETE FROM chimera.allotment a
        WHERE a.window_id = ANY (ids) AND (p_writer IS NULL OR a.writer = p_writer)
          AND (p_over_us IS NULL OR a.until_us <= p_over_us)
        RETURNING a.*
    ), sums AS (
        SELECT g.window_id, sum(g.amount_micros - g.held_micros)::bigint AS back, sum(g.spent_micros)::bigint AS spent
        FROM gone g GROUP BY g.window_id
    )
    UPDATE chimera.window_of_budget w
    SET held_micros = w.held_micros - s.back, spent_micros = w.spent_micros + s.spent,
        cap_micros = greatest(w.limit_micros, w.held_micros - s.back + w.spent_micros + s.spent)
    FROM sums s WHERE w.id = s.window_id;
END
$fn$;

-- Moves a batch, what its writer has an allotment of in the allotment. Nothing: it has none. False: there may be no room.
CREATE FUNCTION chimera.move_allotted(p_writer text, failed boolean[], changes int[], wanted text[], holds bigint[],
                                      releases bigint[], meters bigint[]) RETURNS boolean LANGUAGE plpgsql AS $fn$
DECLARE
    mine record;
    others record;
    written int;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.allotment a WHERE a.writer = p_writer) THEN
        RETURN NULL;
    END IF;
    -- What was held before the allotment was made, or by another manager, is released from the window itself.
    SELECT array_agg(s.id ORDER BY s.id) AS ids, array_agg(s.held ORDER BY s.id) AS held,
           array_agg(s.hold ORDER BY s.id) AS holds, array_agg(least(s.release, s.held + s.hold) ORDER BY s.id) AS own,
           array_agg(s.release - least(s.release, s.held + s.hold) ORDER BY s.id) AS rest,
           array_agg(s.meter ORDER BY s.id) AS meters
    INTO mine
    FROM (SELECT a.window_id AS id, a.held_micros AS held, sum(m.hold)::bigint AS hold, sum(m.release)::bigint AS release,
                 sum(m.meter)::bigint AS meter
          FROM unnest(wanted, holds, releases, meters) AS m (id, hold, release, meter)
          JOIN chimera.allotment a ON a.window_id = m.id
          WHERE a.writer = p_writer AND a.until_us > chimera.now_us()
          GROUP BY a.window_id, a.held_micros) s;
    IF mine.ids IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(x.change) AS changes, array_agg(x.id) AS ids, array_agg(x.hold) AS holds,
           array_agg(x.release) AS releases, array_agg(x.meter) AS meters
    INTO others
    FROM (SELECT m.change, m.id, m.hold, m.release, m.meter
          FROM unnest(changes, wanted, holds, releases, meters) AS m (change, id, hold, release, meter)
          WHERE m.id <> ALL (mine.ids)
          UNION ALL
          SELECT 1, r.id, 0, r.rest, 0 FROM unnest(mine.ids, mine.rest) AS r (id, rest) WHERE r.rest > 0) x;
    IF others.ids IS NOT NULL THEN
        PERFORM chimera.open_windows(ARRAY(SELECT DISTINCT o.id FROM unnest(others.ids) AS o (id)));
        IF NOT chimera.move_together(failed, others.changes, others.ids, others.holds, others.releases, others.meters) THEN
            RETURN false;
        END IF;
    END IF;
    PERFORM FROM chimera.allotment a WHERE a.writer = p_writer AND a.window_id = ANY (mine.ids)
    ORDER BY a.window_id FOR NO KEY UPDATE;
    UPDATE chimera.allotment a
    SET held_micros = a.held_micros + s.hold - s.own, spent_micros = a.spent_micros + s.meter
    FROM unnest(mine.ids, mine.held, mine.holds, mine.own, mine.meters) AS s (id, held, hold, own, meter)
    WHERE a.writer = p_writer AND a.window_id = s.id AND a.held_micros = s.held
      AND a.held_micros + s.hold - s.own + a.spent_micros + s.meter <= a.amount_micros;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written = cardinality(mine.ids);
END
$fn$;

-- What a writer has of these windows from now on, and until when: a share of what is free, at most so much of each. What
-- it spent rises to its windows; what it has of others, and what the dead have left, goes back. The sum of it.
CREATE FUNCTION chimera.allot(p_writer text, p_windows text[], p_share_bp int, p_micros_max bigint, p_lease_us bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    now_us bigint := chimera.now_us();
    w record;
    mine record;
    amount bigint;
    total bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.role_may m WHERE m.role = chimera.caller() AND m.what = 'claim') THEN
        RAISE EXCEPTION 'allotments' USING ERRCODE = 'CH002';
    END IF;
    LOCK TABLE chimera.gate IN ROW SHARE MODE;
    PERFORM FROM chimera.window_of_budget b
    WHERE b.id = ANY (p_windows || ARRAY(SELECT a.window_id FROM chimera.allotment a
                                         WHERE a.writer = p_writer OR a.until_us <= now_us))
    ORDER BY b.id FOR NO KEY UPDATE;
    PERFORM chimera.fold_allotments(ARRAY(SELECT a.window_id FROM chimera.allotment a WHERE a.writer = p_writer
                                          AND a.window_id <> ALL (p_windows)), p_writer, NULL);
    PERFORM chimera.fold_allotments(ARRAY(SELECT a.window_id FROM chimera.allotment a WHERE a.until_us <= now_us), NULL, now_us);
    FOR w IN SELECT * FROM chimera.window_of_budget b WHERE b.id = ANY (p_windows) ORDER BY b.id LOOP
        SELECT a.amount_micros, a.held_micros, a.spent_micros INTO mine
        FROM chimera.allotment a WHERE a.writer = p_writer AND a.window_id = w.id FOR UPDATE;
        mine.amount_micros := coalesce(mine.amount_micros, 0);
        amount := coalesce(mine.held_micros, 0) + greatest(0, least(p_micros_max, (
            w.limit_micros - w.held_micros - w.spent_micros - w.overrun_micros
            + mine.amount_micros - coalesce(mine.held_micros, 0) - coalesce(mine.spent_micros, 0)) / 10000 * p_share_bp));
        UPDATE chimera.window_of_budget b
        SET held_micros = b.held_micros - mine.amount_micros + amount,
            spent_micros = b.spent_micros + coalesce(mine.spent_micros, 0),
            cap_micros = greatest(b.limit_micros, b.held_micros - mine.amount_micros + amount + b.spent_micros
                                  + coalesce(mine.spent_micros, 0))
        WHERE b.id = w.id;
        IF amount = 0 THEN
            DELETE FROM chimera.allotment a WHERE a.writer = p_writer AND a.window_id = w.id;
        ELSE
            INSERT INTO chimera.allotment AS a (writer, window_id, amount_micros, until_us)
            VALUES (p_writer, w.id, amount, now_us + p_lease_us)
            ON CONFLICT (writer, window_id) DO UPDATE
            SET amount_micros = excluded.amount_micros, spent_micros = 0, until_us = excluded.until_us;
        END IF;
        total := total + amount;
    END LOOP;
    RETURN total;
END
$fn$;

CREATE OR REPLACE FUNCTION chimera.commit_batch(
    p_writer text, p_epoch bigint, p_session bigint, p_batch bigint, p_changes int,
    s_kind text[], s_verb text[], s_first int[], s_last int[],
    r_change int[], r_id uuid[], r_version bigint[], r_state text[], r_scope text[], r_shard int[], r_due bigint[],
    r_rank int[], r_body bytea[],
    m_change int[], m_window text[], m_hold bigint[], m_release bigint[], m_meter bigint[],
    b_change int[], b_scope text[],
    e_change int[], e_body bytea[],
    OUT o_seq bigint, OUT o_hash bytea, OUT o_changes int[], OUT o_codes text[], OUT o_details text[]
) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The planner knows nothing of the arrays, and these tables are big: it may only look things up.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $fn$
DECLARE
    head chimera.head;
    failed boolean[] := array_fill(false, ARRAY[p_changes]);
    careful boolean;
    has_moved boolean;
    wanted text[];
    made text[] := '{}';
    f record;
BEGIN
    o_changes := '{}';
    o_codes := '{}';
    o_details := '{}';
    -- What is decided for everybody waits for whoever is under way, and the others for it.
    careful := s_kind && '{halt,cap}';
    IF careful THEN
        LOCK TABLE chimera.gate IN EXCLUSIVE MODE;
    ELSE
        LOCK TABLE chimera.gate IN ROW SHARE MODE;
    END IF;
    head := chimera.lock_head(p_writer, p_epoch, p_session);
    FOR f IN
        SELECT r.change, 'write_not_permitted' AS code, r.detail
        FROM chimera.check_rights(s_kind, s_verb, s_first, s_last, r_change, r_state) r
        UNION ALL
        SELECT m.change, 'write_not_permitted', 'move ' || m.id FROM unnest(m_change, m_window) AS m (change, id)
        WHERE NOT EXISTS (SELECT FROM chimera.role_may w WHERE w.role = chimera.caller() AND w.what = 'move')
    LOOP
        CONTINUE WHEN failed[f.change];
        failed[f.change] := true;
        o_changes := o_changes || f.change;
        o_codes := o_codes || f.code;
        o_details := o_details || f.detail;
    END LOOP;
    IF m_change <> '{}' THEN
        SELECT array_agg(DISTINCT m.id) INTO wanted FROM unnest(m_window) AS m (id);
    END IF;

    -- Nearly always nothing in a batch fails: then versions are compared while writing. A performance is admitted by
    -- the state of its seal, so that one is locked before it is looked at.
    careful := careful OR o_changes <> '{}' OR 'performance' = ANY (s_kind)
               OR EXISTS (SELECT FROM chimera.halt h WHERE h.state = 'active' AND h.scope = ANY (b_scope));
    IF NOT careful THEN
        BEGIN
            PERFORM chimera.write_rows(failed, s_kind, s_verb, s_first, s_last, r_change, r_id, r_version, r_state,
                                       r_scope, r_shard, r_due, r_rank, r_body);
            IF wanted IS NOT NULL THEN
                has_moved := chimera.move_allotted(p_writer, failed, m_change, m_window, m_hold, m_release, m_meter);
                IF has_moved IS NULL THEN
                    PERFORM chimera.open_windows(wanted);
                    has_moved := chimera.move_together(failed, m_change, m_window, m_hold, m_release, m_meter);
                END IF;
                IF NOT has_moved THEN
                    RAISE EXCEPTION 'there may be no room' USING ERRCODE = 'CH003';
                END IF;
            END IF;
            SELECT * INTO o_seq, o_hash
            FROM chimera.finish(head, p_batch, failed, e_change, e_body, o_changes, o_codes, o_details);
            RETURN;
        EXCEPTION WHEN unique_violation OR SQLSTATE 'CH003' THEN
            -- Something in the batch fails: from here on everything is looked at singly.
        END;
    END IF;

    FOR f IN
        SELECT v.change, 'record_stale' AS code, v.detail
        FROM chimera.check_versions(s_kind, s_verb, s_first, s_last, r_change, r_id, r_version) v
        UNION ALL
        SELECT k.change, k.code, k.detail
        FROM chimera.check_kinds(s_kind, s_verb, s_first, s_last, r_change, r_id, r_state, r_body) k
        UNION ALL
        SELECT b.change, 'halted', b.scope FROM unnest(b_change, b_scope) AS b (change, scope)
        WHERE EXISTS (SELECT FROM chimera.halt h WHERE h.scope = b.scope AND h.state = 'active')
    LOOP
        CONTINUE WHEN failed[f.change];
        failed[f.change] := true;
        o_changes := o_changes || f.change;
        o_codes := o_codes || f.code;
        o_details := o_details || f.detail;
    END LOOP;
    IF 'cap' = ANY (s_kind) THEN
        -- Lowering one closes its window at once, also what managers have of it. Nobody else is under way.
        PERFORM chimera.fold_allotments(ARRAY(SELECT a.window_id FROM chimera.allotment a), NULL, NULL);
    END IF;
    IF wanted IS NOT NULL THEN
        made := chimera.open_windows(wanted);
        -- Nothing is refused for what a manager has and does not use, and late cost closes the window for all.
        PERFORM chimera.fold_allotments(wanted, NULL, NULL);
        FOR f IN SELECT * FROM chimera.move_in_order(failed, m_change, m_window, m_hold, m_release, m_meter) LOOP
            failed[f.change] := true;
            o_changes := o_changes || f.change;
            o_codes := o_codes || f.code;
            o_details := o_details || f.detail;
        END LOOP;
        IF made <> '{}' THEN
            PERFORM chimera.close_unused_windows(failed, m_change, m_window, made);
        END IF;
    END IF;
    PERFORM chimera.write_rows(failed, s_kind, s_verb, s_first, s_last, r_change, r_id, r_version, r_state, r_scope,
                               r_shard, r_due, r_rank, r_body);
    SELECT * INTO o_seq, o_hash
    FROM chimera.finish(head, p_batch, failed, e_change, e_body, o_changes, o_codes, o_details);
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.allot(text, text[], int, bigint, bigint) TO chimera_manager;
