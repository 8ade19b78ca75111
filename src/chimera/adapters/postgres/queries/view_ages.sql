-- What workers could begin now, as `claim` sees it: what waits for its time, for tomorrow's quota or for a person who
-- lifts a halt is no work for more of them. A task that was ready from its birth on is due since ever: it waits since its
-- plan, whose moment its id begins with.
WITH stopped AS MATERIALIZED (
    SELECT coalesce(array_agg(scope), '{}') AS scopes, coalesce(bool_or(scope LIKE 'agent:%'), false) AS by_agent
    FROM chimera.halt WHERE state = 'active'
), due AS (
    SELECT count(*) AS many,
           min(greatest(t.due_us, ('x' || left(replace(t.id::text, '-', ''), 12))::bit(48)::bigint * 1000)) AS since_us
    FROM chimera.task t, stopped s
    WHERE t.state = 'ready' AND t.due_us <= chimera.now_us()
      AND 'fleet' <> ALL (s.scopes) AND 'campaign:' || t.scope <> ALL (s.scopes)
      AND (NOT s.by_agent OR 'agent:' || chimera.field_of(t.body, 'agent_id') <> ALL (s.scopes))
)
SELECT
    chimera.slot_holders() AS managers,
    (SELECT many FROM due) AS due_tasks,
    coalesce((SELECT chimera.now_us() - since_us FROM due), 0) AS oldest_ready_us,
    coalesce((SELECT chimera.now_us() - min((chimera.field_of(first.body, 'opened_at_us'))::bigint)
              FROM (SELECT body FROM chimera.review WHERE state = 'open' ORDER BY due_us, id LIMIT 1) first),
             0) AS oldest_review_us,
    coalesce((SELECT due_us FROM chimera.review WHERE state = 'open' ORDER BY due_us, id LIMIT 1), 0) AS next_deadline_us;
