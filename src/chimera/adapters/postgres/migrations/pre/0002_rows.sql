-- Checking and writing the rows of one kind: four functions per kind, so that every session keeps their plans.
-- They run inside chimera.commit only; nobody may call them.

CREATE FUNCTION chimera.caller() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN session_user LIKE 'chimera\_%' THEN substr(session_user, 9) ELSE '' END
$$;

CREATE FUNCTION chimera.now_us() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

DO $do$
DECLARE
    k text;
BEGIN
    FOR k IN SELECT kind FROM chimera.kinds LOOP
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
    END LOOP;
END
$do$;

-- The performances without a sealed, unexpired, untaken grant whose seal the same change takes.
CREATE FUNCTION chimera.check_performances(
    changes int[], ids uuid[], seal_changes int[], seal_ids uuid[], seal_states text[]
) RETURNS TABLE (change int, detail text) LANGUAGE plpgsql AS $fn$
BEGIN
    RETURN QUERY
        (SELECT p.change, p.id::text FROM unnest(changes, ids) AS p (change, id)
         EXCEPT
         SELECT t.change, t.id::text FROM unnest(seal_changes, seal_ids, seal_states) AS t (change, id, state)
         WHERE t.state = 'taken')
        UNION ALL
        SELECT p.change, p.id::text FROM unnest(changes, ids) AS p (change, id)
        WHERE NOT EXISTS (
            SELECT FROM chimera.seal s
            JOIN chimera."grant" g ON g.id = s.id
            JOIN chimera.batch b ON b.id = s.scope::uuid
            WHERE s.id = p.id AND s.state = 'ready' AND g.due_us > chimera.now_us());
END
$fn$;

-- Cap records become limits; the windows that stand take them over at once, but never below what is held and spent.
CREATE FUNCTION chimera.write_caps(failed boolean[], changes int[], ids uuid[], bodies bytea[])
RETURNS void LANGUAGE plpgsql AS $fn$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT i.id, j.body ->> 'limited' || '|' || (j.body ->> 'period') AS key, (j.body ->> 'micros')::bigint AS micros
        FROM unnest(changes, ids, bodies) AS i (change, id, body),
             LATERAL (SELECT convert_from(i.body, 'UTF8')::json AS body) j
        WHERE NOT failed[i.change]
    LOOP
        INSERT INTO chimera.limit_of_key AS l (key, cap_id, micros) VALUES (c.key, c.id, c.micros)
        ON CONFLICT (key) DO UPDATE SET micros = excluded.micros;
        UPDATE chimera.window_of_budget w
        SET limit_micros = c.micros, cap_micros = greatest(c.micros, w.held_micros + w.spent_micros)
        WHERE w.key = c.key;
    END LOOP;
END
$fn$;

-- The caps whose key another cap has already, or which had another key before.
CREATE FUNCTION chimera.check_caps(changes int[], ids uuid[], bodies bytea[])
RETURNS TABLE (change int, detail text) LANGUAGE plpgsql AS $fn$
BEGIN
    RETURN QUERY
        SELECT i.change, j.key
        FROM unnest(changes, ids, bodies) AS i (change, id, body),
             LATERAL (SELECT convert_from(i.body, 'UTF8')::json AS body) b,
             LATERAL (SELECT b.body ->> 'limited' || '|' || (b.body ->> 'period') AS key) j
        WHERE EXISTS (SELECT FROM chimera.limit_of_key l WHERE (l.key = j.key) <> (l.cap_id = i.id)
                      AND (l.key = j.key OR l.cap_id = i.id));
END
$fn$;
