-- Reviews for a measurement: a template's bytes with other ids, times, risks and agents; one in ten is open.
INSERT INTO chimera.review (id, version, state, scope, shard, due_us, rank, body)
SELECT
    one.id::uuid, 1, one.state, one.task, one.n % 256, one.due_us, 0,
    convert_to(replace(replace(replace(replace(replace(replace($1::text,
        '@ID@', one.id), '@TASK@', one.task), '@AGENT@', one.agent), '@RISK@', one.risk), '@STATE@', one.state),
        '"@DUE@"', one.due_us::text), 'UTF8')
FROM (
    SELECT
        n,
        -- Time-prefixed, one a millisecond, in the past.
        lpad(to_hex(n / 65536 + $4), 8, '0') || '-' || lpad(to_hex(n % 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0') AS id,
        lpad(to_hex(n / 65536 + $4), 8, '0') || '-' || lpad(to_hex(n % 65536), 4, '0') || '-7000-9000-' || lpad(to_hex(n), 12, '0') AS task,
        ($5::text[])[1 + n % cardinality($5::text[])] AS agent,
        (ARRAY['ordinary', 'ordinary', 'ordinary', 'politics', 'health'])[1 + n % 5] AS risk,
        CASE WHEN n / 7 % 10 = 0 THEN 'open' ELSE 'closed' END AS state,
        $6::bigint + (n::bigint * 7919 % 86400) * 1000000 AS due_us
    FROM generate_series($2::bigint, $3::bigint) AS n
) AS one;
