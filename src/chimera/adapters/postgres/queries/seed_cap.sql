WITH seeded AS (
    INSERT INTO chimera.cap (id, version, state, rank, body) VALUES ($1, 1, 'recorded', 0, $2)
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO chimera.limit_of_key (key, cap_id, micros) SELECT $3, id, $4 FROM seeded;
