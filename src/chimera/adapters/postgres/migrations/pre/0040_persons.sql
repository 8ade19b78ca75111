-- Export and erasure of one person. The maintenance role may blank given words in the records' bodies, and nothing else:
-- it hands in the words, the marker is fixed, version and state stay. Events are not touched: they hold no words of
-- strangers, and the chain over them still verifies.

CREATE FUNCTION chimera.word_pattern(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT '(?<![[:alnum:]_])' || regexp_replace(word, '([.^$*+?()\[\]{}|\\-])', '\\\1', 'g') || '(?![[:alnum:]_])'
$$;

CREATE FUNCTION chimera.blank_words(words text[]) RETURNS TABLE (kind text, records bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k record;
    word text;
    blanked bigint;
BEGIN
    IF EXISTS (SELECT FROM unnest(words) AS one WHERE length(one) < 4 OR one ~ '[\x01-\x1f]') THEN
        RAISE EXCEPTION 'a word is too short to be blanked' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR k IN SELECT kinds.kind AS name FROM chimera.kinds ORDER BY kinds.kind LOOP
        FOREACH word IN ARRAY words LOOP
            EXECUTE format(
                'UPDATE chimera.%I SET body = convert_to(regexp_replace(convert_from(body, ''UTF8''), $1, ''[erased]'', ''gi''), ''UTF8'')'
                ' WHERE convert_from(body, ''UTF8'') ~* $1', k.name) USING chimera.word_pattern(word);
        END LOOP;
        EXECUTE format('SELECT count(*) FROM chimera.%I WHERE position(''[erased]'' IN convert_from(body, ''UTF8'')) > 0', k.name)
            INTO blanked;
        kind := k.name;
        records := blanked;
        IF blanked > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION chimera.bodies_with(words text[]) RETURNS TABLE (kind text, id uuid, body bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k record;
BEGIN
    FOR k IN SELECT kinds.kind AS name FROM chimera.kinds ORDER BY kinds.kind LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::text, t.id, t.body FROM chimera.%I AS t WHERE EXISTS (SELECT FROM unnest($1) AS word'
            ' WHERE convert_from(t.body, ''UTF8'') ~* chimera.word_pattern(word)) ORDER BY t.id', k.name, k.name)
            USING words;
    END LOOP;
END
$$;

CREATE FUNCTION chimera.input_bodies() RETURNS TABLE (body bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT input.body FROM chimera.input
$$;

REVOKE ALL ON FUNCTION chimera.word_pattern(text), chimera.blank_words(text[]), chimera.bodies_with(text[]),
    chimera.input_bodies() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.blank_words(text[]), chimera.bodies_with(text[]), chimera.input_bodies()
    TO chimera_maintenance;
