-- A batch in which nothing is refused locks its windows once, by the one update that moves them, and not three times: to
-- lock, to look and to move. Order of locks: what is missing is made first, by id; then windows by id. Who makes one waits
-- for nobody who has locked another, because all make before they lock.

-- The same amounts as before. Not a query, so that who asks for a day's money does not plan a look at agents' schedules.
CREATE OR REPLACE FUNCTION chimera.standing_micros(key text) RETURNS bigint LANGUAGE plpgsql STABLE AS $fn$
DECLARE
    kind text := split_part(key, ':', 1);
    period text := split_part(key, '|', -1);
BEGIN
    IF kind = 'account' THEN
        RETURN chimera.published_by_network(key);
    ELSIF kind = 'agent' THEN
        IF period = 'posts-day' THEN
            RETURN chimera.posts_of_schedule(key);
        END IF;
        RETURN CASE period WHEN 'day' THEN 10000000 WHEN 'week' THEN 70000000 WHEN 'month' THEN 310000000 END;
    ELSIF kind IN ('campaign', 'category', 'recipient') THEN
        RETURN CASE period WHEN 'day' THEN 1000000000 WHEN 'week' THEN 5000000000 WHEN 'month' THEN 20000000000 END;
    END IF;
    RETURN NULL;
END
$fn$;

-- Makes the windows that are missing and have a cap. Locks none that was there.
CREATE FUNCTION chimera.make_windows(wanted text[]) RETURNS text[] LANGUAGE plpgsql AS $fn$
DECLARE
    made text[] := '{}';
    missing text[];
BEGIN
    SELECT array_agg(m.id ORDER BY m.id) INTO missing FROM unnest(wanted) AS m (id)
    WHERE NOT EXISTS (SELECT FROM chimera.window_of_budget w WHERE w.id = m.id);
    IF missing IS NULL THEN
        RETURN made;
    END IF;
    WITH inserted AS (
        INSERT INTO chimera.window_of_budget (id, key, limit_micros, cap_micros)
        SELECT c.id, c.key, c.micros, c.micros
        FROM (SELECT m.id, m.key, coalesce((SELECT l.micros FROM chimera.limit_of_key l WHERE l.key = m.key),
                                           chimera.standing_micros(m.key)) AS micros
              FROM (SELECT w.id, left(w.id, -strpos(reverse(w.id), '|')) AS key FROM unnest(missing) AS w (id)) m) c
        WHERE c.micros IS NOT NULL ORDER BY c.id
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT coalesce(array_agg(id), '{}') INTO made FROM inserted;
    RETURN made;
END
$fn$;

-- Makes them and locks all of them, for whoever looks at them before it moves.
CREATE OR REPLACE FUNCTION chimera.open_windows(wanted text[]) RETURNS text[] LANGUAGE plpgsql AS $fn$
DECLARE
    made text[] := chimera.make_windows(wanted);
BEGIN
    PERFORM FROM chimera.window_of_budget w WHERE w.id = ANY (wanted) ORDER BY w.id FOR NO KEY UPDATE;
    RETURN made;
END
$fn$;

-- Moves everything at once where no order could refuse or overrun anything, which is nearly always. Says whether it did:
-- if not, some are moved already, and the caller has to undo it. The update locks in the order of its ids; whether a
-- movement fits is asked of the row as it is once it is locked. What one movement holds and releases at once was never held
-- before (ADR-184): only what is released beyond it has to be there.
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

-- Moves a batch, what its writer has an allotment of in the allotment. Nothing: it has none. False: there may be no room.
CREATE OR REPLACE FUNCTION chimera.move_allotted(p_writer text, failed boolean[], changes int[], wanted text[], holds bigint[],
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
        PERFORM chimera.make_windows(ARRAY(SELECT DISTINCT o.id FROM unnest(others.ids) AS o (id)));
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
                    PERFORM chimera.make_windows(wanted);
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
