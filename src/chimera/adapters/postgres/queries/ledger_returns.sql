-- Cost and revenue of the newest campaigns that spent on a category. Which did is found by the index, one step for each; what
-- one cost is what its window says, which is what was booked of it (`ledger_disagreements`), without what came back.
WITH RECURSIVE paid AS (
    (SELECT l.owner FROM chimera.ledger l WHERE l.category = $1 ORDER BY l.owner DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT l.owner FROM chimera.ledger l WHERE l.category = $1 AND l.owner < p.owner ORDER BY l.owner DESC LIMIT 1)
    FROM paid p WHERE p.owner IS NOT NULL
), newest AS MATERIALIZED (
    SELECT p.owner FROM paid p WHERE p.owner LIKE 'campaign:%' LIMIT $2
)
SELECT substr(n.owner, length('campaign:') + 1) AS campaign_id,
       coalesce((SELECT w.spent_micros + w.overrun_micros FROM chimera.window_known w WHERE w.id = n.owner || '|total|total'),
                0)
       + coalesce((SELECT sum(l.micros) FROM chimera.ledger l
                   WHERE l.owner = n.owner AND l.micros < 0 AND l.category NOT IN ('notes', 'model', 'held', 'cash', 'revenue')),
                  0)::bigint AS cost_micros,
       coalesce((SELECT -sum(l.micros) FROM chimera.ledger l WHERE l.owner = n.owner AND l.category = 'revenue'),
                0)::bigint AS revenue_micros
FROM newest n ORDER BY n.owner;
