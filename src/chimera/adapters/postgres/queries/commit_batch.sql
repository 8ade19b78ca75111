-- Numbers, ids and short words come as array literals: the driver looks at every element of an array, and slowly.
SELECT * FROM chimera.commit_batch(
    $1, $2, $3, $4,
    $5::text::text[], $6::text::text[], $7::text::int[], $8::text::int[],
    $9::text::int[], $10::text::uuid[], $11::text::bigint[], $12::text::text[], $13::text::text[], $14::text::int[],
    $15::text::bigint[], $16::text::int[], $17::bytea[],
    $18::text::int[], $19::text::text[], $20::text::bigint[], $21::text::bigint[], $22::text::bigint[],
    $23::text::int[], $24::text::text[],
    $25::text::int[], $26::bytea[]);
