-- Whom the API tells what changed, and what every installed version of an agent was.

SELECT chimera.add_kind('webhook', false, '{active}');
SELECT chimera.add_kind('edition', false, '{}');
CREATE INDEX ON chimera.edition (scope, id);

-- How far each webhook was told, and who is telling it now. No history: a cursor that moves four times a second would
-- fill the chains with itself. That a webhook was set, died or was removed is history.
CREATE TABLE chimera.webhook_progress (
    id           uuid   NOT NULL PRIMARY KEY REFERENCES chimera.webhook (id),
    cursor       bytea  NOT NULL,
    failures     int    NOT NULL DEFAULT 0,
    next_at_us   bigint NOT NULL DEFAULT 0,
    told_at_us   bigint NOT NULL DEFAULT 0,
    told         bigint NOT NULL DEFAULT 0,
    last_answer  text   NOT NULL DEFAULT '',
    leased_until_us bigint NOT NULL DEFAULT 0
);

-- Takes the webhooks that are due for one process of the API; each is given to exactly one.
CREATE FUNCTION chimera.take_webhooks(at bigint, until bigint)
RETURNS TABLE (id uuid, body bytea, version bigint, state text, due_us bigint, cursor bytea, failures int, told bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO chimera.webhook_progress (id, cursor)
        SELECT w.id, '' FROM chimera.webhook w WHERE w.state = 'active'
        ON CONFLICT ON CONSTRAINT webhook_progress_pkey DO NOTHING;
    RETURN QUERY
        UPDATE chimera.webhook_progress p SET leased_until_us = until
        FROM chimera.webhook w
        WHERE w.id = p.id AND w.state = 'active' AND p.next_at_us <= at AND p.leased_until_us <= at
        RETURNING w.id, w.body, w.version, w.state, w.due_us, p.cursor, p.failures, p.told;
END
$$;

CREATE FUNCTION chimera.keep_webhook(one uuid, c bytea, f int, next_at bigint, told_at bigint, many bigint, answer text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE chimera.webhook_progress
    SET cursor = c, failures = f, next_at_us = next_at, told_at_us = GREATEST(told_at_us, told_at), told = told + many,
        last_answer = COALESCE(NULLIF(answer, ''), last_answer), leased_until_us = 0
    WHERE id = one
$$;

CREATE FUNCTION chimera.read_webhooks()
RETURNS TABLE (id uuid, failures int, next_at_us bigint, told_at_us bigint, told bigint, last_answer text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.id, p.failures, p.next_at_us, p.told_at_us, p.told, p.last_answer FROM chimera.webhook_progress p
$$;

REVOKE ALL ON TABLE chimera.webhook_progress FROM PUBLIC;
REVOKE ALL ON FUNCTION chimera.take_webhooks(bigint, bigint),
    chimera.keep_webhook(uuid, bytea, int, bigint, bigint, bigint, text), chimera.read_webhooks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera.take_webhooks(bigint, bigint),
    chimera.keep_webhook(uuid, bytea, int, bigint, bigint, bigint, text), chimera.read_webhooks() TO chimera_office;
