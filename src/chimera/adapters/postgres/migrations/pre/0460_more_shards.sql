-- 256 shards where there were 64, so that more than 64 managers have something each (ADR-203). What is not over moves to
-- the shard that its campaign has now; what is over stays as it is: nobody looks for it by shard.

DO $do$
DECLARE
    k record;
BEGIN
    FOR k IN SELECT kind, CASE kind WHEN 'task' THEN '{waiting,ready,leased,held,granted,performing,in_doubt}'
                                    WHEN 'campaign' THEN NULL ELSE open_states END::text[] AS states
             FROM chimera.kinds WHERE kind = 'task' OR kind = 'campaign' OR open_states <> '{}' LOOP
        EXECUTE format($sql$
            UPDATE chimera.%I SET shard = ('x' || lpad(right(of_campaign, 4), 8, '0'))::bit(32)::int %% 256
            FROM (SELECT id AS moved, CASE %L WHEN 'campaign' THEN id::text WHEN 'task' THEN scope WHEN 'input' THEN scope
                         ELSE substring(convert_from(body, 'UTF8') FROM '"campaign_id":"([0-9a-f-]{36})"') END AS of_campaign
                  FROM chimera.%I WHERE shard IS NOT NULL AND (%L::text[] IS NULL OR state = ANY (%L::text[]))) AS standing
            WHERE id = moved AND of_campaign ~ '^[0-9a-f-]{36}$' $sql$, k.kind, k.kind, k.kind, k.states, k.states);
    END LOOP;
END
$do$;
