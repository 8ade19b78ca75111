-- Numbers, ids and short words come as array literals: the driver looks at every element of an array, and slowly.
SELECT * FROM chimera.commit_batch(
    $1, $2, $3, $4, $5,
    $6::text::text[], $7::text::text[], $8::text::int[], $9::text::int[],
    $10::text::int[], $11::text::uuid[], $12::text::bigint[], $13::text::text[], $14::text::text[], $15::text::int[],
    $16::text::bigint[], $17::text::int[], $18::bytea[],
    $19::text::int[], $20::text::text[], $21::text::bigint[], $22::text::bigint[], $23::text::bigint[],
    $24::text::int[], $25::text::text[],
    $26::text::int[], $27::bytea[]);
