-- Events for a measurement, in a chain that nobody verifies: sizes and order are those of real ones, hashes are not.
INSERT INTO chimera.event (writer, seq, hash, body)
SELECT $1, n, sha256(int8send(n)), convert_to(
    '{"at_us":' || ($4::bigint + n)::text || ',"data":{"agent":"' || md5(n::text) || '","by":"measurement","cost_micros":'
    || (n % 9999)::text || ',"spec":"copy.post@1.0.0","why":"so many like it"},"kind":"TASK_SETTLED","subject":"'
    || ($5::text[])[1 + n % cardinality($5::text[])] || '"}', 'UTF8')
FROM generate_series($2::bigint, $3::bigint) AS n;
