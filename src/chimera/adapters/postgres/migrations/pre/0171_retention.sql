-- Drops whole weeks of records that are over, by the maintenance role alone. Events and the ledger are never dropped here.
-- 90 days by the database's clock are the least, whatever is asked; and nothing goes that a checkpoint does not stand behind.

CREATE FUNCTION chimera.drop_weeks(p_before_us bigint, p_checkpoint uuid)
RETURNS TABLE (week text, records bigint, kept_for text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $fn$
DECLARE
    stated jsonb;
    suffix text;
    k record;
    child text;
    open_ones bigint;
    counted bigint;
    total bigint;
    blocked text;
BEGIN
    IF p_before_us > chimera.now_us() - 90 * 86400 * 1000000::bigint THEN
        RAISE EXCEPTION 'records of less than 90 days are kept' USING ERRCODE = 'CH007';
    END IF;
    SELECT convert_from(c.body, 'UTF8')::jsonb INTO stated FROM chimera.checkpoint c WHERE c.id = p_checkpoint;
    IF stated IS NULL OR (stated #>> '{statement,at_us}')::bigint < p_before_us OR coalesce(stated ->> 'signature', '') = '' THEN
        RAISE EXCEPTION 'no signed checkpoint stands behind these weeks' USING ERRCODE = 'CH007';
    END IF;
    FOR suffix IN
        SELECT DISTINCT substring(c.relname FROM '_(\d{4}w\d{2})$') FROM pg_class c
        WHERE c.relnamespace = 'chimera'::regnamespace AND c.relname ~ '^task_\d{4}w\d{2}$' ORDER BY 1
    LOOP
        CONTINUE WHEN to_date(suffix, 'IYYY"w"IW') + 7 > to_timestamp(p_before_us / 1000000.0) AT TIME ZONE 'UTC';
        total := 0;
        blocked := '';
        FOR k IN SELECT * FROM chimera.kinds WHERE partitioned ORDER BY kind LOOP
            child := k.kind || '_' || suffix;
            CONTINUE WHEN to_regclass(format('chimera.%I', child)) IS NULL;
            EXECUTE format('SELECT count(*), count(*) FILTER (WHERE state = ANY (%L::text[])) FROM chimera.%I',
                           CASE k.kind WHEN 'task' THEN '{waiting,ready,leased,held,granted,performing,in_doubt}'::text[]
                                       ELSE k.open_states END, child) INTO counted, open_ones;
            total := total + counted;
            IF open_ones > 0 THEN
                blocked := blocked || format('%s %s open; ', open_ones, k.kind);
            END IF;
        END LOOP;
        IF blocked = '' THEN
            FOR k IN SELECT * FROM chimera.kinds WHERE partitioned ORDER BY kind LOOP
                child := k.kind || '_' || suffix;
                CONTINUE WHEN to_regclass(format('chimera.%I', child)) IS NULL;
                EXECUTE format('ALTER TABLE chimera.%I DETACH PARTITION chimera.%I', k.kind, child);
                EXECUTE format('DROP TABLE chimera.%I', child);
            END LOOP;
        END IF;
        week := suffix;
        records := total;
        kept_for := rtrim(blocked, '; ');
        RETURN NEXT;
    END LOOP;
END
$fn$;

REVOKE ALL ON FUNCTION chimera.drop_weeks(bigint, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.drop_weeks(bigint, uuid) TO chimera_maintenance;
