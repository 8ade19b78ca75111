-- One function that makes a kind of record: its table, and the four functions of 0002 for it.

CREATE FUNCTION chimera.add_kind(k text, partitioned boolean, open_states text[]) RETURNS void LANGUAGE plpgsql AS $do$
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
    EXECUTE format($sql$
        CREATE FUNCTION chimera.%2$I(failed boolean[], changes int[], ids uuid[], versions bigint[], states text[],
                                     scopes text[], shards int[], dues bigint[], ranks int[], bodies bytea[])
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE
            written int;
        BEGIN
            UPDATE chimera.%1$I r
            SET version = i.version, state = i.state, scope = i.scope, shard = i.shard, due_us = i.due_us,
                rank = i.rank, body = i.body
            FROM unnest(changes, ids, versions, states, scopes, shards, dues, ranks, bodies)
                AS i (change, id, version, state, scope, shard, due_us, rank, body)
            WHERE r.id = i.id AND r.version = i.version - 1 AND NOT failed[i.change];
            GET DIAGNOSTICS written = ROW_COUNT;
            RETURN written;
        END
        $fn$ $sql$, k, 'write_update_' || k);
    EXECUTE format($sql$
        CREATE FUNCTION chimera.%2$I(failed boolean[], changes int[], ids uuid[], versions bigint[], states text[],
                                     scopes text[], shards int[], dues bigint[], ranks int[], bodies bytea[])
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE
            written int;
        BEGIN
            INSERT INTO chimera.%1$I (id, version, state, scope, shard, due_us, rank, body)
            SELECT i.id, i.version, i.state, i.scope, i.shard, i.due_us, i.rank, i.body
            FROM unnest(changes, ids, versions, states, scopes, shards, dues, ranks, bodies)
                AS i (change, id, version, state, scope, shard, due_us, rank, body)
            WHERE i.version = 1 AND NOT failed[i.change];
            GET DIAGNOSTICS written = ROW_COUNT;
            RETURN written;
        END
        $fn$ $sql$, k, 'write_insert_' || k);
    EXECUTE format('REVOKE ALL ON chimera.%I FROM PUBLIC', k);
    FOREACH f IN ARRAY ARRAY['check_update_', 'check_insert_'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION chimera.%I(int[], uuid[], bigint[]) FROM PUBLIC', f || k);
    END LOOP;
    FOREACH f IN ARRAY ARRAY['write_update_', 'write_insert_'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION chimera.%I(boolean[], int[], uuid[], bigint[], text[], text[], int[], bigint[],
                                                          int[], bytea[]) FROM PUBLIC', f || k);
    END LOOP;
END
$do$;
REVOKE ALL ON FUNCTION chimera.add_kind(text, boolean, text[]) FROM PUBLIC;
