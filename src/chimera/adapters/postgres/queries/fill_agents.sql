-- Idle agents for a measurement, each with its standing campaign: templates' bytes with other ids and numbers.
WITH one AS MATERIALIZED (
    SELECT
        to_char(n, 'FM00000') AS number,
        lpad(to_hex(n / 65536 + $5::bigint), 8, '0') || '-' || lpad(to_hex(n % 65536), 4, '0') || '-7000-a000-' || lpad(to_hex(n), 12, '0') AS agent,
        lpad(to_hex(n / 65536 + $5::bigint), 8, '0') || '-' || lpad(to_hex(n % 65536), 4, '0') || '-7000-b000-' || lpad(to_hex(n), 12, '0') AS campaign
    FROM generate_series($3::bigint, $4::bigint) AS n
), standing AS (
    INSERT INTO chimera.campaign (id, version, state, scope, shard, due_us, rank, body)
    SELECT campaign::uuid, 1, 'running', agent, ('x' || lpad(right(campaign, 4), 8, '0'))::bit(32)::int % 256, NULL, 0,
           convert_to(replace(replace($2::text, '@ID@', campaign), '@AGENT@', agent), 'UTF8')
    FROM one
)
INSERT INTO chimera.agent (id, version, state, scope, shard, due_us, rank, body)
SELECT agent::uuid, 1, 'active', NULL, NULL, NULL, 0,
       convert_to(replace(replace($1::text, '@ID@', agent), '@NUMBER@', number), 'UTF8')
FROM one;
