-- Answers to writes by idempotency key: whoever sends a write again under its key gets the answer that it got.
-- They are no history and no record: kept for a day, then deleted. The office alone, and by these functions alone.

CREATE TABLE chimera.replies (
    key       bytea  NOT NULL PRIMARY KEY,
    digest    bytea  NOT NULL,
    at_us     bigint NOT NULL,
    until_us  bigint NOT NULL,
    status    int,
    kept      bytea
);
CREATE INDEX ON chimera.replies (until_us);

-- Takes a key for a request, or says what is known under it. `is_new`: whoever asks is the one who does it.
CREATE FUNCTION chimera.begin_reply(k bytea, d bytea, at bigint, until bigint)
RETURNS TABLE (is_new boolean, digest bytea, at_us bigint, status int, kept bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM chimera.replies r WHERE r.key = k AND r.until_us <= at;
    INSERT INTO chimera.replies AS r (key, digest, at_us, until_us) VALUES (k, d, at, until) ON CONFLICT (key) DO NOTHING;
    is_new := FOUND;
    RETURN QUERY SELECT is_new, r.digest, r.at_us, r.status, r.kept FROM chimera.replies r WHERE r.key = k;
END
$$;

CREATE FUNCTION chimera.keep_reply(k bytea, s int, body bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE chimera.replies SET status = s, kept = body WHERE key = k AND status IS NULL
$$;

CREATE FUNCTION chimera.forget_reply(k bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM chimera.replies WHERE key = k AND status IS NULL
$$;

CREATE FUNCTION chimera.drop_replies(before bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM chimera.replies WHERE until_us <= before RETURNING 1) SELECT count(*) FROM gone
$$;

REVOKE ALL ON TABLE chimera.replies FROM PUBLIC;
REVOKE ALL ON FUNCTION chimera.begin_reply(bytea, bytea, bigint, bigint), chimera.keep_reply(bytea, int, bytea),
    chimera.forget_reply(bytea), chimera.drop_replies(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.begin_reply(bytea, bytea, bigint, bigint), chimera.keep_reply(bytea, int, bytea),
    chimera.forget_reply(bytea), chimera.drop_replies(bigint) TO chimera_office;
