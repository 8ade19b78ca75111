-- Whoever has moved a window before says so, and it is not looked for again only to learn that it stands: of the thirteen
-- windows of a decision that was a third of what moving them took (ADR-234). Who says nothing has all looked for. Where one
-- is gone nevertheless, it moves nothing, and the batch is looked at singly, which makes what is missing.

DROP FUNCTION chimera.move_together(boolean[], int[], text[], bigint[], bigint[], bigint[]);
-- As before; `unseen` are those that may have to be made. Nothing there: all of them.
CREATE FUNCTION chimera.move_together(failed boolean[], changes int[], wanted text[], holds bigint[], releases bigint[],
                                      meters bigint[], unseen text[]) RETURNS boolean LANGUAGE plpgsql AS $fn$
DECLARE
    ids text[];
    held bigint[];
    released bigint[];
    needed bigint[];
    metered bigint[];
    moved int;
BEGIN
    SELECT array_agg(s.id ORDER BY s.id), array_agg(s.hold ORDER BY s.id), array_agg(s.release ORDER BY s.id),
           array_agg(s.net ORDER BY s.id), array_agg(s.meter ORDER BY s.id)
    INTO ids, held, released, needed, metered
    FROM (SELECT wanted[n] AS id, sum(holds[n])::bigint AS hold, sum(releases[n])::bigint AS release,
                 sum(meters[n])::bigint AS meter, sum(greatest(0, releases[n] - holds[n]))::bigint AS net
          FROM generate_series(1, cardinality(wanted)) AS n
          WHERE NOT failed[changes[n]]
          GROUP BY wanted[n]) s;
    IF ids IS NULL THEN
        RETURN true;
    END IF;
    IF unseen <> '{}' OR unseen IS NULL THEN
        PERFORM chimera.make_windows(coalesce(unseen, ids));
    END IF;
    UPDATE chimera.window_of_budget w
    SET held_micros = w.held_micros + held[n] - released[n], spent_micros = w.spent_micros + metered[n]
    FROM generate_series(1, cardinality(ids)) AS n
    WHERE w.id = ids[n]
      -- Where the limit was lowered below what is held and spent, nothing fits.
      AND needed[n] <= w.held_micros
      AND held[n] <= w.limit_micros - w.held_micros - w.spent_micros - w.overrun_micros - metered[n];
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved = cardinality(ids);
END
$fn$;

DROP FUNCTION chimera.move_allotted(text, boolean[], int[], text[], bigint[], bigint[], bigint[]);
-- As before. Moves a batch, what its writer has an allotment of in the allotment. Nothing: it has none. False: there may be
-- no room.
CREATE FUNCTION chimera.move_allotted(p_writer text, failed boolean[], changes int[], wanted text[], holds bigint[],
                                      releases bigint[], meters bigint[], unseen text[])
RETURNS boolean LANGUAGE plpgsql AS $fn$
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
        IF NOT chimera.move_together(failed, others.changes, others.ids, others.holds, others.releases, others.meters,
                                     unseen) THEN
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

DROP FUNCTION chimera.commit_batch(
    text, bigint, bigint, bigint, int, text[], text[], int[], int[], int[], uuid[], bigint[], text[], text[], int[], bigint[],
    int[], bytea[], int[], text[], bigint[], bigint[], bigint[], int[], text[], int[], bytea[]);
-- As before, and told what is unseen.
CREATE FUNCTION chimera.commit_batch(
    p_writer text, p_epoch bigint, p_session bigint, p_batch bigint, p_changes int,
    s_kind text[], s_verb text[], s_first int[], s_last int[],
    r_change int[], r_id uuid[], r_version bigint[], r_state text[], r_scope text[], r_shard int[], r_due bigint[],
    r_rank int[], r_body bytea[],
    m_change int[], m_window text[], m_hold bigint[], m_release bigint[], m_meter bigint[],
    b_change int[], b_scope text[],
    e_change int[], e_body bytea[],
    m_unseen text[] DEFAULT NULL,
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
    IF NOT (chimera.is_list(array_dims(r_change), cardinality(r_change), array_dims(r_id), array_dims(r_version),
                            array_dims(r_state), array_dims(r_scope), array_dims(r_shard), array_dims(r_due),
                            array_dims(r_rank), array_dims(r_body))
            AND chimera.is_list(array_dims(m_change), cardinality(m_change), array_dims(m_window), array_dims(m_hold),
                                array_dims(m_release), array_dims(m_meter))
            AND chimera.is_list(array_dims(e_change), cardinality(e_change), array_dims(e_body))) THEN
        RAISE EXCEPTION 'arrays of different shapes' USING ERRCODE = 'CH002';
    END IF;
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
    -- Nearly always nothing in a batch fails: then versions are compared while writing. A performance is admitted by the
    -- state of its seal: the update of that seal fails unless it is still at the version that was looked at.
    careful := careful OR o_changes <> '{}'
               OR (EXISTS (SELECT FROM chimera.halt h WHERE h.state = 'active')
                   AND EXISTS (SELECT FROM unnest(b_scope) AS b (scope) WHERE chimera.is_halted(b.scope)))
               OR NOT chimera.may_perform(s_kind, s_verb, s_first, s_last, r_change, r_id, r_version, r_state);
    IF NOT careful THEN
        BEGIN
            PERFORM chimera.write_rows(failed, s_kind, s_verb, s_first, s_last, r_change, r_id, r_version, r_state,
                                       r_scope, r_shard, r_due, r_rank, r_body);
            IF m_change <> '{}' THEN
                has_moved := chimera.move_allotted(p_writer, failed, m_change, m_window, m_hold, m_release, m_meter,
                                                   m_unseen);
                IF has_moved IS NULL THEN
                    has_moved := chimera.move_together(failed, m_change, m_window, m_hold, m_release, m_meter,
                                                       m_unseen);
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
    IF m_change <> '{}' THEN
        SELECT array_agg(DISTINCT m.id) INTO wanted FROM unnest(m_window) AS m (id);
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
GRANT EXECUTE ON FUNCTION chimera.commit_batch(
    text, bigint, bigint, bigint, int, text[], text[], int[], int[], int[], uuid[], bigint[], text[], text[], int[], bigint[],
    int[], bytea[], int[], text[], bigint[], bigint[], bigint[], int[], text[], int[], bytea[], text[])
    TO chimera_office, chimera_manager, chimera_effects;
