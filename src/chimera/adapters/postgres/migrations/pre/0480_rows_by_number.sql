-- Rows are written by their numbers: a slice of a batch is two numbers into arrays that are taken apart once, not nine arrays
-- cut out, copied and laid out as nine lists; and the kinds that every decision writes are called by name, not by a
-- statement that is made, parsed and planned for each slice of each batch (ADR-209).

-- Makes the two functions that write the rows of a kind, in place of those that took slices.
CREATE FUNCTION chimera.make_writers(k text) RETURNS void LANGUAGE plpgsql AS $do$
DECLARE
    f text;
BEGIN
    EXECUTE format($sql$
        CREATE FUNCTION chimera.%2$I(failed boolean[], changes int[], ids uuid[], versions bigint[], states text[],
                                     scopes text[], shards int[], dues bigint[], ranks int[], bodies bytea[], first int,
                                     last int)
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE
            written int;
        BEGIN
            UPDATE chimera.%1$I r
            SET version = versions[n], state = states[n], scope = scopes[n], shard = shards[n], due_us = dues[n],
                rank = ranks[n], body = bodies[n]
            FROM generate_series(first, last) AS n
            WHERE r.id = ids[n] AND r.version = versions[n] - 1 AND NOT failed[changes[n]];
            GET DIAGNOSTICS written = ROW_COUNT;
            RETURN written;
        END
        $fn$ $sql$, k, 'write_update_' || k);
    EXECUTE format($sql$
        CREATE FUNCTION chimera.%2$I(failed boolean[], changes int[], ids uuid[], versions bigint[], states text[],
                                     scopes text[], shards int[], dues bigint[], ranks int[], bodies bytea[], first int,
                                     last int)
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE
            written int;
        BEGIN
            INSERT INTO chimera.%1$I (id, version, state, scope, shard, due_us, rank, body)
            SELECT ids[n], versions[n], states[n], scopes[n], shards[n], dues[n], ranks[n], bodies[n]
            FROM generate_series(first, last) AS n
            WHERE versions[n] = 1 AND NOT failed[changes[n]];
            GET DIAGNOSTICS written = ROW_COUNT;
            RETURN written;
        END
        $fn$ $sql$, k, 'write_insert_' || k);
    FOREACH f IN ARRAY ARRAY['write_update_', 'write_insert_'] LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS chimera.%I(boolean[], int[], uuid[], bigint[], text[], text[], int[],
                                                           bigint[], int[], bytea[])', f || k);
        EXECUTE format('REVOKE ALL ON FUNCTION chimera.%I(boolean[], int[], uuid[], bigint[], text[], text[], int[], bigint[],
                                                          int[], bytea[], int, int) FROM PUBLIC', f || k);
    END LOOP;
END
$do$;
REVOKE ALL ON FUNCTION chimera.make_writers(text) FROM PUBLIC;

SELECT chimera.make_writers(kind) FROM chimera.kinds;

-- As before, but for the writers.
CREATE OR REPLACE FUNCTION chimera.add_kind(k text, partitioned boolean, open_states text[]) RETURNS void LANGUAGE plpgsql AS $do$
DECLARE
    f text;
BEGIN
    INSERT INTO chimera.kinds (kind, partitioned, open_states) VALUES (k, partitioned, open_states);
    EXECUTE format($sql$
        CREATE TABLE chimera.%I (
            id      uuid   NOT NULL PRIMARY KEY,
            version bigint NOT NULL CHECK (version >= 1),
            state   text   COLLATE "C" NOT NULL,
            scope   text   COLLATE "C",
            shard   int,
            due_us  bigint,
            rank    int    NOT NULL,
            body    bytea  NOT NULL
        ) %s $sql$, k, CASE WHEN partitioned THEN 'PARTITION BY RANGE (id)' ELSE '' END);
    IF partitioned THEN
        EXECUTE format('CREATE TABLE chimera.%I PARTITION OF chimera.%I DEFAULT', k || '_default', k);
    END IF;
    IF open_states <> '{}' THEN
        EXECUTE format('CREATE INDEX ON chimera.%I (state, due_us, id) WHERE state = ANY (%L::text[])', k, open_states);
    END IF;
    -- Locks what is to be changed, in the order of ids, and names the changes that were made from another version.
    EXECUTE format($sql$
        CREATE FUNCTION chimera.%2$I(changes int[], ids uuid[], versions bigint[])
        RETURNS TABLE (change int, detail text) LANGUAGE plpgsql AS $fn$
        DECLARE
            found int;
            wrong int[];
        BEGIN
            SELECT count(*), array_agg(l.n) FILTER (WHERE l.actual <> l.expected)
            INTO found, wrong
            FROM (
                SELECT i.n, i.version - 1 AS expected, r.version AS actual
                FROM unnest(ids, versions) WITH ORDINALITY AS i (id, version, n)
                JOIN chimera.%1$I r ON r.id = i.id
                ORDER BY r.id FOR NO KEY UPDATE OF r
            ) l;
            IF wrong IS NOT NULL THEN
                RETURN QUERY SELECT changes[n], %1$L || ' ' || ids[n] FROM unnest(wrong) n;
            END IF;
            IF found < cardinality(ids) THEN
                RETURN QUERY SELECT i.change, %1$L || ' ' || i.id
                FROM unnest(changes, ids) AS i (change, id)
                WHERE NOT EXISTS (SELECT FROM chimera.%1$I r WHERE r.id = i.id);
            END IF;
        END
        $fn$ $sql$, k, 'check_update_' || k);
    EXECUTE format($sql$
        CREATE FUNCTION chimera.%2$I(changes int[], ids uuid[], versions bigint[])
        RETURNS TABLE (change int, detail text) LANGUAGE plpgsql AS $fn$
        BEGIN
            RETURN QUERY SELECT i.change, %1$L || ' ' || i.id
            FROM unnest(changes, ids) AS i (change, id)
            JOIN chimera.%1$I r ON r.id = i.id;
        END
        $fn$ $sql$, k, 'check_insert_' || k);
    PERFORM chimera.make_writers(k);
    EXECUTE format('REVOKE ALL ON chimera.%I FROM PUBLIC', k);
    FOREACH f IN ARRAY ARRAY['check_update_', 'check_insert_'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION chimera.%I(int[], uuid[], bigint[]) FROM PUBLIC', f || k);
    END LOOP;
END
$do$;
REVOKE ALL ON FUNCTION chimera.add_kind(text, boolean, text[]) FROM PUBLIC;

-- Writes the rows of the surviving changes. Fails as a whole when a row is not at the version it was changed from.
CREATE OR REPLACE FUNCTION chimera.write_rows(
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
        written := CASE s_verb[s] || ' ' || s_kind[s]
            WHEN 'update task' THEN chimera.write_update_task(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert task' THEN chimera.write_insert_task(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert attempt' THEN chimera.write_insert_attempt(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert grant' THEN chimera.write_insert_grant(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert hold' THEN chimera.write_insert_hold(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert seal' THEN chimera.write_insert_seal(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert input' THEN chimera.write_insert_input(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'update input' THEN chimera.write_update_input(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'update campaign' THEN chimera.write_update_campaign(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert performance' THEN chimera.write_insert_performance(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'update performance' THEN chimera.write_update_performance(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'update seal' THEN chimera.write_update_seal(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'update hold' THEN chimera.write_update_hold(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
            WHEN 'insert batch' THEN chimera.write_insert_batch(failed, r_change, r_id, r_version, r_state, r_scope, r_shard,
                r_due, r_rank, r_body, a, b)
        END;
        -- What is seldom written.
        IF written IS NULL THEN
            EXECUTE format('SELECT chimera.%I($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)',
                           'write_' || s_verb[s] || '_' || s_kind[s])
                INTO written
                USING failed, r_change, r_id, r_version, r_state, r_scope, r_shard, r_due, r_rank, r_body, a, b;
        END IF;
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
CREATE OR REPLACE FUNCTION chimera.chain(p_writer text, INOUT p_seq bigint, INOUT p_hash bytea, failed boolean[],
                                         e_change int[], e_body bytea[]) LANGUAGE plpgsql AS $fn$
DECLARE
    before bigint := p_seq;
    hashes bytea[];
BEGIN
    IF true = ANY (failed) THEN
        SELECT coalesce(array_agg(i.body ORDER BY i.n), '{}') INTO e_body
        FROM unnest(e_change, e_body) WITH ORDINALITY AS i (change, body, n) WHERE NOT failed[i.change];
    END IF;
    FOR n IN 1 .. cardinality(e_body) LOOP
        p_seq := before + n;
        p_hash := sha256(p_hash || int8send(p_seq) || sha256(e_body[n]));
        hashes := hashes || p_hash;
    END LOOP;
    INSERT INTO chimera.event (writer, seq, hash, body)
    SELECT p_writer, before + n, hashes[n], e_body[n] FROM generate_series(1, cardinality(e_body)) AS n;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
