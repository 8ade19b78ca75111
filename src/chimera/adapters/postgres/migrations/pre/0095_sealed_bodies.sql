-- Bodies in which a person's parts are sealed begin with `sealed`: whose, a colon, the sealed parts. The maintenance role
-- may take a person's seals off, which leaves the blanks, and put other sealed parts in the place of sealed parts when
-- somebody else's words are blanked in them. What stands beside the seal it cannot change.

CREATE FUNCTION chimera.sealed_bodies() RETURNS TABLE (kind text, id uuid, body bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k record;
BEGIN
    FOR k IN SELECT kinds.kind AS name FROM chimera.kinds ORDER BY kinds.kind LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::text, t.id, t.body FROM chimera.%I AS t WHERE substring(t.body FOR 11) = $1 ORDER BY t.id',
            k.name, k.name) USING convert_to('{"sealed":"', 'UTF8');
    END LOOP;
END
$$;

CREATE FUNCTION chimera.drop_seals(name text) RETURNS TABLE (kind text, records bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k record;
    mark bytea := convert_to('{"sealed":"' || name || ':', 'UTF8');
    dropped bigint;
BEGIN
    IF name !~ '^[0-9a-f]{64}$' THEN
        RAISE EXCEPTION 'this is nobody''s name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR k IN SELECT kinds.kind AS name FROM chimera.kinds ORDER BY kinds.kind LOOP
        -- What follows the quotation mark that ends the seal, and its comma.
        EXECUTE format(
            'UPDATE chimera.%I SET body = convert_to(''{'', ''UTF8'') || substring(body FROM 11 + 2'
            ' + position(''\x22''::bytea IN substring(body FROM 12)))'
            ' WHERE substring(body FOR length($1)) = $1', k.name) USING mark;
        GET DIAGNOSTICS dropped = ROW_COUNT;
        kind := k.name;
        records := dropped;
        IF dropped > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION chimera.reseal(kind text, record_id uuid, was bytea, now bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mark bytea := convert_to('{"sealed":"', 'UTF8');
    changed bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM chimera.kinds WHERE kinds.kind = reseal.kind)
       OR substring(was FOR 75) <> substring(now FOR 75) OR substring(was FOR 11) <> mark
       OR convert_from(was, 'UTF8')::jsonb - 'sealed' <> convert_from(now, 'UTF8')::jsonb - 'sealed' THEN
        RAISE EXCEPTION 'only what is sealed may be sealed again' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('UPDATE chimera.%I SET body = $1 WHERE id = $2 AND body = $3', reseal.kind)
        USING now, record_id, was;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed = 1;
END
$$;

-- Whatever in a body that is not sealed could be a handle or an address.
CREATE FUNCTION chimera.handles() RETURNS TABLE (handle text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k record;
BEGIN
    FOR k IN SELECT kinds.kind AS name FROM chimera.kinds ORDER BY kinds.kind LOOP
        RETURN QUERY EXECUTE format(
            'SELECT DISTINCT rtrim(found[1], ''.:-'') FROM chimera.%I AS t,'
            ' regexp_matches(convert_from(t.body, ''UTF8''), ''[@[:alnum:]_]*[@.:][@[:alnum:]_.:-]{2,}'', ''g'') AS found'
            ' WHERE substring(t.body FOR 11) <> $1', k.name) USING convert_to('{"sealed":"', 'UTF8');
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION chimera.handles(), chimera.sealed_bodies(), chimera.drop_seals(text),
    chimera.reseal(text, uuid, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.handles(), chimera.sealed_bodies(), chimera.drop_seals(text),
    chimera.reseal(text, uuid, bytea, bytea) TO chimera_maintenance;
