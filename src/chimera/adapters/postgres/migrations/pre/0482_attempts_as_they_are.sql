-- An attempt is written once, some four kilobytes that compression shortens to two thirds, and half of those lay beside the
-- table then. Compressing it and writing it in pieces took as long as the rest of its row, its index and its WAL three
-- times over; it stays as it is, up to what fits on a page (ADR-209: what it costs in room). What stands is not rewritten.

DO $do$
DECLARE
    child regclass;
BEGIN
    FOR child IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'chimera.attempt'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 8160)', child);
    END LOOP;
END
$do$;

-- As before; the weeks to come are alike.
CREATE OR REPLACE FUNCTION chimera.make_partitions(p_weeks int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
    k text;
    week timestamptz;
    child text;
    low uuid;
    high uuid;
    made int := 0;
BEGIN
    FOR k IN SELECT kind FROM chimera.kinds WHERE partitioned ORDER BY kind LOOP
        FOR w IN 0 .. p_weeks LOOP
            week := date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(weeks => w);
            child := k || to_char(week AT TIME ZONE 'UTC', '_IYYY"w"IW');
            CONTINUE WHEN to_regclass(format('chimera.%I', child)) IS NOT NULL;
            low := chimera.first_id(week);
            high := chimera.first_id(week + interval '7 days');
            EXECUTE format('CREATE TABLE chimera.%I (LIKE chimera.%I INCLUDING CONSTRAINTS)', child, k);
            IF k = 'attempt' THEN
                EXECUTE format('ALTER TABLE chimera.%I SET (toast_tuple_target = 8160)', child);
            END IF;
            EXECUTE format('LOCK TABLE chimera.%I IN SHARE ROW EXCLUSIVE MODE', k);
            EXECUTE format('WITH moved AS (DELETE FROM chimera.%I WHERE id >= %L AND id < %L RETURNING *)
                            INSERT INTO chimera.%I SELECT * FROM moved', k || '_default', low, high, child);
            EXECUTE format('ALTER TABLE chimera.%I ATTACH PARTITION chimera.%I FOR VALUES FROM (%L) TO (%L)',
                           k, child, low, high);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$fn$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
