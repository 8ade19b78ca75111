-- Weeks of records are made by the same clock as everything else, and also for what lies in a default partition: of a house
-- that ran on beyond the weeks made ahead, which could never have been dropped. Whatever belongs into a new partition moves
-- there. Returns how many were made. (What 0482 says of attempts stands.)

CREATE FUNCTION chimera.week_of_id(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT date_trunc('week', to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
                              AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;

CREATE OR REPLACE FUNCTION chimera.make_partitions(p_weeks int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $fn$
DECLARE
    this timestamptz := date_trunc('week', to_timestamp(chimera.now_us() / 1000000.0) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    weeks timestamptz[];
    strays timestamptz[];
    week timestamptz;
    k text;
    child text;
    low uuid;
    high uuid;
    made int := 0;
BEGIN
    SELECT array_agg(this + make_interval(days => 7 * w)) INTO weeks FROM generate_series(0, p_weeks) w;
    FOR k IN SELECT kind FROM chimera.kinds WHERE partitioned ORDER BY kind LOOP
        EXECUTE format('SELECT coalesce(array_agg(DISTINCT chimera.week_of_id(id)), ''{}'') FROM chimera.%I', k || '_default')
        INTO strays;
        weeks := weeks || strays;
    END LOOP;
    FOR k IN SELECT kind FROM chimera.kinds WHERE partitioned ORDER BY kind LOOP
        -- What carries a time that cannot be stays where it is.
        FOR week IN SELECT DISTINCT w FROM unnest(weeks) w
                    WHERE w BETWEEN this - interval '3650 days' AND this + make_interval(days => 7 * p_weeks) ORDER BY w LOOP
            child := k || to_char(week AT TIME ZONE 'UTC', '_IYYY"w"IW');
            CONTINUE WHEN to_regclass(format('chimera.%I', child)) IS NOT NULL;
            low := chimera.first_id(week);
            high := chimera.first_id(week + make_interval(days => 7));
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
