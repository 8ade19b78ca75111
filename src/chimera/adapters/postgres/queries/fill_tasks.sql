-- Finished tasks for a measurement, each with the input that it answered: templates' bytes with other ids.
WITH one AS MATERIALIZED (
    SELECT
        n,
        lpad(to_hex(n / 65536 + $5::bigint), 8, '0') || '-' || lpad(to_hex(n % 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0') AS task,
        lpad(to_hex(n / 65536 + $5::bigint), 8, '0') || '-' || lpad(to_hex(n % 65536), 4, '0') || '-7000-9000-' || lpad(to_hex(n), 12, '0') AS input,
        ($6::text[])[1 + n % cardinality($6::text[])] AS campaign,
        ($7::text[])[1 + n % cardinality($7::text[])] AS agent
    FROM generate_series($3::bigint, $4::bigint) AS n
), answered AS (
    INSERT INTO chimera.input (id, version, state, scope, shard, due_us, rank, body)
    SELECT input::uuid, 2, 'planned', campaign, n % 256, 1, 0,
           convert_to(replace(replace($2::text, '@ID@', input), '@CAMPAIGN@', campaign), 'UTF8')
    FROM one
)
INSERT INTO chimera.task (id, version, state, scope, shard, due_us, rank, body)
SELECT task::uuid, 3, 'done', campaign, n % 256, 1, 100,
       convert_to(replace(replace(replace(replace($1::text, '@ID@', task), '@INPUT@', input), '@CAMPAIGN@', campaign),
                          '@AGENT@', agent), 'UTF8')
FROM one;
