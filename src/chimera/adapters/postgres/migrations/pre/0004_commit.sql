-- The only write. A batch of changes is checked and written in one transaction; each survives whole or fails alone.
-- Order of locks: gate, the writer's head (the fence), records by kind and id, windows by id.

-- How the database says no to the whole batch.
--   CH001 the writer was opened anew elsewhere      CH002 the role may not do this      CH003 more or fewer rows were written than came

CREATE FUNCTION chimera.lock_head(p_writer text, p_epoch bigint, p_session bigint) RETURNS chimera.head LANGUAGE plpgsql AS $fn$
DECLARE
    head chimera.head;
BEGIN
    SELECT * INTO head FROM chimera.head h WHERE h.writer = p_writer FOR NO KEY UPDATE;
    IF head.writer IS NULL OR head.role <> chimera.caller() THEN
        RAISE EXCEPTION 'the chain of %', p_writer USING ERRCODE = 'CH002';
    END IF;
    IF (head.epoch, head.session) <> (p_epoch, p_session) THEN
        RAISE EXCEPTION '%', p_writer USING ERRCODE = 'CH001';
    END IF;
    RETURN head;
END
$fn$;

-- What the caller's role may not write. Everything is written through here, so this is where roles end.
CREATE FUNCTION chimera.check_rights(s_kind text[], s_verb text[], s_first int[], s_last int[], r_change int[], r_state text[])
RETURNS TABLE (change int, detail text) LANGUAGE plpgsql AS $fn$
DECLARE
    caller text := chimera.caller();
BEGIN
    FOR s IN 1 .. coalesce(cardinality(s_kind), 0) LOOP
        CONTINUE WHEN EXISTS (SELECT FROM chimera.role_writes w WHERE w.role = caller AND w.kind = s_kind[s]
                              AND w.verb = s_verb[s] AND w.state = '*');
        RETURN QUERY
            SELECT i.change, s_verb[s] || ' ' || s_kind[s] || ' ' || i.state
            FROM unnest(r_change[s_first[s]:s_last[s]], r_state[s_first[s]:s_last[s]]) AS i (change, state)
            WHERE NOT EXISTS (SELECT FROM chimera.role_writes w WHERE w.role = caller AND w.kind = s_kind[s]
                              AND w.verb = s_verb[s] AND w.state = i.state);
    END LOOP;
END
$fn$;

CREATE FUNCTION chimera.check_versions(s_kind text[], s_verb text[], s_first int[], s_last int[],
                                       r_change int[], r_id uuid[], r_version bigint[])
RETURNS TABLE (change int, detail text) LANGUAGE plpgsql AS $fn$
BEGIN
    FOR s IN 1 .. coalesce(cardinality(s_kind), 0) LOOP
        RETURN QUERY EXECUTE format('SELECT f.change, f.detail FROM chimera.%I($1, $2, $3) f',
                                    'check_' || s_verb[s] || '_' || s_kind[s])
            USING r_change[s_first[s]:s_last[s]], r_id[s_first[s]:s_last[s]], r_version[s_first[s]:s_last[s]];
    END LOOP;
END
$fn$;

-- What only some kinds have to fulfil: one cap for each key; no performance without a grant to take.
CREATE FUNCTION chimera.check_kinds(s_kind text[], s_verb text[], s_first int[], s_last int[],
                                    r_change int[], r_id uuid[], r_state text[], r_body bytea[])
RETURNS TABLE (change int, code text, detail text) LANGUAGE plpgsql AS $fn$
DECLARE
    a int;
    b int;
    c int;
    d int;
BEGIN
    FOR s IN 1 .. coalesce(cardinality(s_kind), 0) LOOP
        a := s_first[s];
        b := s_last[s];
        IF s_kind[s] = 'cap' THEN
            RETURN QUERY SELECT f.change, 'cap_taken', f.detail
                         FROM chimera.check_caps(r_change[a:b], r_id[a:b], r_body[a:b]) f;
        ELSIF s_kind[s] = 'performance' AND s_verb[s] = 'insert' THEN
            SELECT min(i.first), max(i.last) INTO c, d FROM unnest(s_kind, s_verb, s_first, s_last) AS i (kind, verb, first, last)
            WHERE i.kind = 'seal' AND i.verb = 'update';
            RETURN QUERY SELECT f.change, 'grant_not_valid', f.detail
                         FROM chimera.check_performances(r_change[a:b], r_id[a:b], r_change[c:d], r_id[c:d], r_state[c:d]) f;
        END IF;
    END LOOP;
END
$fn$;

-- Writes the rows of the surviving changes. Fails as a whole when a row is not at the version it was changed from.
CREATE FUNCTION chimera.write_rows(
    failed boolean[], s_kind text[], s_verb text[], s_first int[], s_last int[],
    r_change int[], r_id uuid[], r_version bigint[], r_state text[], r_scope text[], r_shard int[], r_due bigint[],
    r_rank int[], r_body bytea[]
) RETURNS void LANGUAGE plpgsql AS $fn$
DECLARE
    any_failed boolean := true = ANY (failed);
    a int;
    b int;
    written int;
    expected int;
BEGIN
    FOR s IN 1 .. coalesce(cardinality(s_kind), 0) LOOP
        a := s_first[s];
        b := s_last[s];
        expected := b - a + 1;
        IF any_failed THEN
            SELECT count(*) INTO expected FROM unnest(r_change[a:b]) AS i (change) WHERE NOT failed[i.change];
            CONTINUE WHEN expected = 0;
        END IF;
        EXECUTE format('SELECT chimera.%I($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
                       'write_' || s_verb[s] || '_' || s_kind[s])
            INTO written
            USING failed, r_change[a:b], r_id[a:b], r_version[a:b], r_state[a:b], r_scope[a:b], r_shard[a:b], r_due[a:b],
                  r_rank[a:b], r_body[a:b];
        IF written IS DISTINCT FROM expected THEN
            RAISE EXCEPTION '% of % rows of % written', written, expected, s_kind[s] USING ERRCODE = 'CH003';
        END IF;
        IF s_kind[s] = 'cap' THEN
            PERFORM chimera.write_caps(failed, r_change[a:b], r_id[a:b], r_body[a:b]);
        END IF;
    END LOOP;
END
$fn$;

-- Adds the surviving events to the chain: hash = sha256(previous || seq || sha256(body)).
CREATE FUNCTION chimera.chain(p_writer text, INOUT p_seq bigint, INOUT p_hash bytea, failed boolean[], e_change int[],
                              e_body bytea[]) LANGUAGE plpgsql AS $fn$
DECLARE
    before bigint := p_seq;
    bodies bytea[] := e_body;
    hashes bytea[];
    body bytea;
BEGIN
    IF true = ANY (failed) THEN
        SELECT coalesce(array_agg(i.body ORDER BY i.n), '{}') INTO bodies
        FROM unnest(e_change, e_body) WITH ORDINALITY AS i (change, body, n) WHERE NOT failed[i.change];
    END IF;
    FOREACH body IN ARRAY bodies LOOP
        p_seq := p_seq + 1;
        p_hash := sha256(p_hash || int8send(p_seq) || sha256(body));
        hashes := hashes || p_hash;
    END LOOP;
    INSERT INTO chimera.event (writer, seq, hash, body)
    SELECT p_writer, before + i.n, i.hash, i.body FROM unnest(hashes, bodies) WITH ORDINALITY AS i (hash, body, n);
END
$fn$;

-- The last step: chains the events, moves the head, and keeps the answer for a client that loses it.
CREATE FUNCTION chimera.finish(
    head chimera.head, p_batch bigint, failed boolean[], e_change int[], e_body bytea[], f_changes int[], f_codes text[],
    f_details text[], OUT o_seq bigint, OUT o_hash bytea
) LANGUAGE plpgsql AS $fn$
BEGIN
    SELECT c.p_seq, c.p_hash INTO o_seq, o_hash
    FROM chimera.chain(head.writer, head.seq, head.hash, failed, e_change, e_body) c;
    UPDATE chimera.head h SET seq = o_seq, hash = o_hash WHERE h.writer = head.writer;
    UPDATE chimera.answer a
    SET batch = p_batch, fault_changes = f_changes, fault_codes = f_codes, fault_details = f_details
    WHERE a.writer = head.writer AND a.epoch = head.epoch;
END
$fn$;

CREATE FUNCTION chimera.commit_batch(
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
                PERFORM chimera.open_windows(wanted);
                IF NOT chimera.move_together(failed, m_change, m_window, m_hold, m_release, m_meter) THEN
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
    IF wanted IS NOT NULL THEN
        made := chimera.open_windows(wanted);
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
