-- Documents about media: what a picture is, its renditions, its credentials, its figures. They grow by partial updates
-- (RFC 7386 merge patches) from many hands at once; every one of them is a revision of its own, and none is lost.
-- They are about artefacts. What may happen to an artefact is decided by records, through the one write.

CREATE TABLE chimera.media (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object')
);

CREATE TABLE chimera.media_revisions (
    key uuid PRIMARY KEY,
    media uuid NOT NULL REFERENCES chimera.media (id),
    version bigint NOT NULL,
    patch jsonb NOT NULL,
    UNIQUE (media, version)
);

-- Each level is put together once: a large document is not copied for each of its fields.
CREATE FUNCTION chimera.merge_patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole jsonb;
    changed jsonb;
    removed text[];
BEGIN
    IF jsonb_typeof(patch) IS DISTINCT FROM 'object' THEN
        RETURN patch;
    END IF;
    whole := CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}'::jsonb END;
    SELECT jsonb_object_agg(one.key, CASE WHEN jsonb_typeof(one.value) = 'object'
                                          THEN chimera.merge_patch(whole -> one.key, one.value) ELSE one.value END)
               FILTER (WHERE one.value <> 'null'::jsonb),
           array_agg(one.key) FILTER (WHERE one.value = 'null'::jsonb)
        INTO changed, removed FROM jsonb_each(patch) AS one;
    IF removed IS NOT NULL THEN
        whole := whole - removed;
    END IF;
    RETURN CASE WHEN changed IS NULL THEN whole ELSE whole || changed END;
END
$$;

-- Two patches as one: what applying it does is what applying both does. NULL where no patch can say it: when the first
-- takes something away, or makes it plain, and the second opens it anew.
CREATE FUNCTION chimera.compose_patches(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
    is_said boolean;
BEGIN
    IF jsonb_typeof(after) <> 'object' THEN
        RETURN after;
    END IF;
    IF jsonb_typeof(before) <> 'object' THEN
        RETURN NULL;
    END IF;
    SELECT jsonb_object_agg(one.name, one.part), bool_and(one.part IS NOT NULL) INTO changed, is_said
        FROM (SELECT each.key AS name, CASE WHEN before ? each.key
                         THEN chimera.compose_patches(before -> each.key, each.value) ELSE each.value END AS part
                  FROM jsonb_each(after) AS each) AS one;
    RETURN CASE WHEN is_said IS NULL THEN before WHEN is_said THEN before || changed END;
END
$$;

-- Applies many patches in their order, each under a key: told twice, it is applied once. Gives the version of each.
-- Rows are locked by id first, so that two batches never wait for one another in a circle. A document is written once
-- for a batch, however many of its patches are in it: a large one is not copied for each.
CREATE FUNCTION chimera.patch_media(keys uuid[], ids uuid[], patches jsonb[]) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    versions bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(ids)]);
    is_told boolean;
    told bigint;
    document record;
    waiting jsonb;
    composed jsonb;
    whole jsonb;
    current bigint;
BEGIN
    INSERT INTO chimera.media (id, version, body)
        SELECT DISTINCT one, 1, '{}'::jsonb FROM unnest(ids) AS one ORDER BY one ON CONFLICT (id) DO NOTHING;
    PERFORM FROM chimera.media WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    is_told := EXISTS (SELECT FROM chimera.media_revisions WHERE key = ANY (keys));
    FOR document IN SELECT media.id, media.version, media.body FROM chimera.media WHERE id = ANY (ids) LOOP
        current := document.version;
        whole := document.body;
        waiting := NULL;
        FOR i IN 1 .. cardinality(ids) LOOP
            CONTINUE WHEN ids[i] <> document.id;
            IF is_told THEN
                SELECT version INTO told FROM chimera.media_revisions WHERE key = keys[i];
                IF FOUND THEN
                    versions[i] := told;
                    CONTINUE;
                END IF;
            END IF;
            current := current + 1;
            versions[i] := current;
            composed := CASE WHEN waiting IS NULL THEN patches[i] ELSE chimera.compose_patches(waiting, patches[i]) END;
            IF composed IS NULL THEN
                whole := chimera.merge_patch(whole, waiting);
                composed := patches[i];
            END IF;
            waiting := composed;
        END LOOP;
        IF current > document.version THEN
            UPDATE chimera.media SET version = current, body = chimera.merge_patch(whole, waiting) WHERE id = document.id;
        END IF;
    END LOOP;
    INSERT INTO chimera.media_revisions (key, media, version, patch)
        SELECT one.key, one.media, one.version, one.patch
        FROM unnest(keys, ids, versions, patches) AS one (key, media, version, patch)
        ON CONFLICT (key) DO NOTHING;
    RETURN versions;
END
$$;

CREATE FUNCTION chimera.read_media(one uuid) RETURNS TABLE (version bigint, body jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT media.version, media.body FROM chimera.media WHERE media.id = one
$$;

CREATE FUNCTION chimera.media_patches(one uuid) RETURNS TABLE (version bigint, patch jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT revisions.version, revisions.patch FROM chimera.media_revisions AS revisions
        WHERE revisions.media = one ORDER BY revisions.version
$$;

REVOKE ALL ON FUNCTION chimera.merge_patch(jsonb, jsonb), chimera.compose_patches(jsonb, jsonb),
    chimera.patch_media(uuid[], uuid[], jsonb[]),
    chimera.read_media(uuid), chimera.media_patches(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.patch_media(uuid[], uuid[], jsonb[]) TO chimera_manager, chimera_office;
GRANT EXECUTE ON FUNCTION chimera.read_media(uuid), chimera.media_patches(uuid)
    TO chimera_manager, chimera_office, chimera_auditor;
