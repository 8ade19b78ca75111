-- Numbers, ids and short words come as array literals, bodies as one with where each begins and how long it is: the
-- driver looks at every element of an array by itself, and slowly.
SELECT * FROM chimera.commit_batch(
    $1, $2, $3, $4, $5,
    $6::text::text[], $7::text::text[], $8::text::int[], $9::text::int[],
    $10::text::int[], $11::text::uuid[], $12::text::bigint[], $13::text::text[], $14::text::text[], $15::text::int[],
    $16::text::bigint[], $17::text::int[],
    ARRAY(SELECT substr($18::bytea, start, length) FROM unnest($19::text::int[], $20::text::int[]) AS b (start, length)),
    $21::text::int[], $22::text::text[], $23::text::bigint[], $24::text::bigint[], $25::text::bigint[],
    $26::text::int[], $27::text::text[],
    $28::text::int[],
    ARRAY(SELECT substr($29::bytea, start, length) FROM unnest($30::text::int[], $31::text::int[]) AS b (start, length)),
    $32::text::text[]);
