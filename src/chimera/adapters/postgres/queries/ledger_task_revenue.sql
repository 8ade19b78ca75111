-- What the tasks of a campaign earned, by the ledger's rows alone. What names no task is the campaign's.
SELECT l.task::text AS task_id, -sum(l.micros)::bigint AS micros
FROM chimera.ledger l
WHERE l.owner = 'campaign:' || $1 AND l.category = 'revenue' AND l.task IS NOT NULL
GROUP BY l.task ORDER BY l.task;
