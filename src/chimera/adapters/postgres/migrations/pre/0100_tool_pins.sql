-- One more kind of record, in the shape of the others (0001, 0002): tools that a person has pinned.

INSERT INTO chimera.kinds (kind, partitioned, open_states) VALUES
    ('tool', false, '{pinned}');

DO $do$
DECLARE
    k text;
    f text;
BEGIN
    FOREACH k IN ARRAY '{tool}'::text[] LOOP
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
            ) $sql$, k);
        EXECUTE format('REVOKE ALL ON TABLE chimera.%I FROM PUBLIC', k);
        EXECUTE format('CREATE INDEX ON chimera.%I (state, id)', k);
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
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure::text FROM pg_proc p
             WHERE p.pronamespace = 'chimera'::regnamespace AND p.proname ~ '^(check|write)_(insert|update)_tool$' LOOP
        EXECUTE 'REVOKE ALL ON FUNCTION ' || f || ' FROM PUBLIC';
    END LOOP;
END
$do$;
