-- Vectors of memories, where the server has pgvector. They are derived: whoever loses them embeds again. Idempotent.
DO $do$
DECLARE
    place text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
        BEGIN
            CREATE SCHEMA IF NOT EXISTS chimera_vectors;
            GRANT USAGE ON SCHEMA chimera_vectors TO chimera_owner;
            CREATE EXTENSION vector SCHEMA chimera_vectors;
        EXCEPTION WHEN insufficient_privilege THEN
            RETURN;
        END;
    END IF;
    SELECT n.nspname INTO place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector';
    SET LOCAL ROLE chimera_owner;

    EXECUTE format($sql$
        CREATE TABLE IF NOT EXISTS chimera.memory_vector (
            id            uuid   PRIMARY KEY REFERENCES chimera.memory (id),
            model         text   COLLATE "C" NOT NULL,
            scope         text   COLLATE "C" NOT NULL,
            importance_bp int    NOT NULL,
            vector        %1$I.vector(256) NOT NULL
        ) $sql$, place);
    CREATE INDEX IF NOT EXISTS memory_vector_owner ON chimera.memory_vector (scope, model);
    DROP INDEX IF EXISTS chimera.memory_near, chimera.memory_vector_scope;
    -- What fetches a few hundred rows for a search reads half as much where the walk is over halves (ADR-098).
    EXECUTE format('CREATE INDEX IF NOT EXISTS memory_near_half ON chimera.memory_vector USING hnsw '
                   '((vector::%1$I.halfvec(256)) %1$I.halfvec_ip_ops) WITH (m = 24, ef_construction = 128)', place);

    -- What is written over or forgotten has no vector any more; whoever erases a person need not know of vectors.
    CREATE OR REPLACE FUNCTION chimera.forget_vector() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $fn$
    BEGIN
        DELETE FROM chimera.memory_vector WHERE id = NEW.id;
        RETURN NULL;
    END
    $fn$;
    CREATE OR REPLACE TRIGGER forget_vector AFTER UPDATE ON chimera.memory
        FOR EACH ROW WHEN (OLD.body IS DISTINCT FROM NEW.body) EXECUTE FUNCTION chimera.forget_vector();

    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION chimera.keep_vectors(ids uuid[], versions bigint[], named text, importances int[], vectors text[])
        RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, %1$I, pg_temp AS $fn$
            WITH kept AS (
                INSERT INTO chimera.memory_vector (id, model, scope, importance_bp, vector)
                SELECT m.id, named, m.scope, i.importance, i.vector::%1$I.vector
                FROM unnest(ids, versions, importances, vectors) AS i (id, version, importance, vector)
                JOIN chimera.memory m ON m.id = i.id AND m.version = i.version AND m.state = 'kept'
                ON CONFLICT (id) DO UPDATE SET model = excluded.model, vector = excluded.vector
                RETURNING 1
            ) SELECT count(*) FROM kept
        $fn$ $sql$, place);
    -- An owner of a few memories is looked through whole: through an index over everybody's, the search for the few
    -- would pass by all the others. Of many, the index names candidates, and their whole vectors put them in order.
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION chimera.nearest(scopes text[], named text, wanted text, many int)
        RETURNS TABLE (id uuid, likeness real) LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, %1$I, pg_temp SET hnsw.ef_search = '120' SET hnsw.iterative_scan = 'strict_order' AS $fn$
        #variable_conflict use_column
        DECLARE
            owner text;
            place %1$I.vector := wanted::%1$I.vector;
            held bigint;
        BEGIN
            FOREACH owner IN ARRAY scopes LOOP
                SELECT count(*) INTO held FROM (
                    SELECT FROM chimera.memory_vector v WHERE v.scope = owner AND v.model = named LIMIT 2001) few;
                IF held <= 2000 THEN
                    RETURN QUERY SELECT v.id, (-(v.vector <#> place))::real FROM chimera.memory_vector v
                        WHERE v.scope = owner AND v.model = named ORDER BY (v.vector <#> place) + 0 LIMIT many;
                ELSE
                    RETURN QUERY SELECT near.id, near.likeness FROM (
                        SELECT v.id, (-(v.vector <#> place))::real AS likeness FROM chimera.memory_vector v
                        WHERE v.scope = owner AND v.model = named
                        ORDER BY v.vector::halfvec(256) <#> place::halfvec(256) LIMIT many * 2
                    ) near ORDER BY near.likeness DESC LIMIT many;
                END IF;
            END LOOP;
        END
        $fn$ $sql$, place);
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION chimera.nearest_exactly(scopes text[], named text, wanted text, many int)
        RETURNS TABLE (id uuid, likeness real) LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, %1$I, pg_temp SET enable_indexscan = 'off' AS $fn$
            SELECT v.id, (-(v.vector <#> wanted::%1$I.vector))::real FROM chimera.memory_vector v
            WHERE v.scope = ANY (scopes) AND v.model = named
            ORDER BY v.vector <#> wanted::%1$I.vector LIMIT many
        $fn$ $sql$, place);
    DROP FUNCTION IF EXISTS chimera.without_vector(text, int);
    CREATE OR REPLACE FUNCTION chimera.without_vector(named text, many int, after uuid)
    RETURNS TABLE (id uuid, version bigint, state text, due_us bigint, body bytea) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $fn$
        SELECT m.id, m.version, m.state, m.due_us, m.body FROM chimera.memory m
        WHERE m.state = 'kept' AND (after IS NULL OR m.id > after)
          AND NOT EXISTS (SELECT FROM chimera.memory_vector v WHERE v.id = m.id AND v.model = named)
        ORDER BY m.id LIMIT many
    $fn$;
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION chimera.rebuild_vectors() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, %1$I, pg_temp SET maintenance_work_mem = '512MB' AS $fn$
        BEGIN
            DROP INDEX IF EXISTS chimera.memory_near_half;
            CREATE INDEX memory_near_half ON chimera.memory_vector USING hnsw
                ((vector::halfvec(256)) halfvec_ip_ops) WITH (m = 24, ef_construction = 128);
            ANALYZE chimera.memory_vector;
        END
        $fn$ $sql$, place);
    CREATE OR REPLACE FUNCTION chimera.drop_vector_index() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $fn$
    BEGIN
        DROP INDEX IF EXISTS chimera.memory_near_half;
    END
    $fn$;

    REVOKE ALL ON TABLE chimera.memory_vector FROM PUBLIC;
    REVOKE ALL ON FUNCTION chimera.forget_vector(), chimera.keep_vectors(uuid[], bigint[], text, int[], text[]),
        chimera.nearest(text[], text, text, int), chimera.nearest_exactly(text[], text, text, int),
        chimera.without_vector(text, int, uuid), chimera.rebuild_vectors(), chimera.drop_vector_index() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION chimera.keep_vectors(uuid[], bigint[], text, int[], text[]), chimera.without_vector(text, int, uuid)
        TO chimera_office;
    GRANT EXECUTE ON FUNCTION chimera.nearest(text[], text, text, int), chimera.nearest_exactly(text[], text, text, int)
        TO chimera_office, chimera_manager;
    GRANT EXECUTE ON FUNCTION chimera.rebuild_vectors(), chimera.drop_vector_index() TO chimera_maintenance;
    RESET ROLE;
END
$do$;
