-- What finished tasks cost, by campaign and type: what was captured for each of them, less what came back. Metered cost
-- (models) stands on the campaign's own account and belongs to no single task.
WITH direct AS (
    SELECT task, sum(micros) AS micros FROM chimera.ledger
    WHERE task IS NOT NULL AND owner LIKE 'campaign:%' AND category NOT IN ('model', 'revenue')
    GROUP BY task
)
SELECT t.scope AS campaign_id, convert_from(t.body, 'UTF8')::json -> 'spec' ->> 0 AS task_type,
       count(*)::bigint AS tasks, coalesce(sum(d.micros), 0)::bigint AS direct_micros
FROM chimera.task t LEFT JOIN direct d ON d.task = t.id
WHERE t.state = 'done'
GROUP BY 1, 2 ORDER BY 1, 2;
