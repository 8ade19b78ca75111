-- Windows of days, weeks and months that are long over go like the records of that time: by the maintenance role alone, 90
-- days by the database's clock after their end at least, behind a signed checkpoint, and never one in which something is
-- held. What counts for ever (`total`) stays: a campaign's total is what the ledger is compared with. The ledger stays.

CREATE FUNCTION chimera.drop_windows(p_before_us bigint, p_checkpoint uuid, p_most int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $fn$
DECLARE
    stated jsonb;
    -- A window is called by the day that it begins with. Two days more: that day begins elsewhere at another hour.
    begun date := (to_timestamp(p_before_us / 1000000.0) AT TIME ZONE 'UTC')::date - 3;
    dropped int;
BEGIN
    IF p_before_us > chimera.now_us() - 90 * 86400 * 1000000::bigint THEN
        RAISE EXCEPTION 'windows of less than 90 days are kept' USING ERRCODE = 'CH007';
    END IF;
    SELECT convert_from(c.body, 'UTF8')::jsonb INTO stated FROM chimera.checkpoint c WHERE c.id = p_checkpoint;
    IF stated IS NULL OR (stated #>> '{statement,at_us}')::bigint < p_before_us OR coalesce(stated ->> 'signature', '') = '' THEN
        RAISE EXCEPTION 'no signed checkpoint stands behind these windows' USING ERRCODE = 'CH007';
    END IF;
    WITH over AS (
        SELECT w.id FROM chimera.window_of_budget w
        WHERE w.held_micros = 0 AND split_part(w.id, '|', -1) ~ '^\d{4}-\d{2}-\d{2}(T\d{2}Z)?$'
          -- As letters: a name that is no day stops nobody.
          AND left(split_part(w.id, '|', -1), 10) <= CASE split_part(w.id, '|', -2)
              WHEN 'day' THEN begun::text WHEN 'posts-day' THEN begun::text WHEN 'calls-day' THEN begun::text
              WHEN 'posts-hour' THEN begun::text WHEN 'calls-hour' THEN begun::text
              WHEN 'week' THEN (begun - 6)::text WHEN 'month' THEN (begun - 30)::text END
          AND NOT EXISTS (SELECT FROM chimera.allotment a WHERE a.window_id = w.id)
        ORDER BY w.id LIMIT p_most
        FOR UPDATE
    )
    DELETE FROM chimera.window_of_budget w USING over WHERE w.id = over.id AND w.held_micros = 0;
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END
$fn$;

REVOKE ALL ON FUNCTION chimera.drop_windows(bigint, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.drop_windows(bigint, uuid, int) TO chimera_maintenance;
