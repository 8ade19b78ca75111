-- A task that was ready from its birth on is due since ever: it waits since its plan, whose moment its id begins with.
SELECT
    coalesce((SELECT chimera.now_us() - min(greatest(due_us, ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint * 1000))
              FROM chimera.task WHERE state = 'ready' AND due_us <= chimera.now_us()), 0) AS oldest_ready_us,
    coalesce((SELECT chimera.now_us() - min((chimera.field_of(first.body, 'opened_at_us'))::bigint)
              FROM (SELECT body FROM chimera.review WHERE state = 'open' ORDER BY due_us, id LIMIT 1) first),
             0) AS oldest_review_us,
    coalesce((SELECT due_us FROM chimera.review WHERE state = 'open' ORDER BY due_us, id LIMIT 1), 0) AS next_deadline_us;
