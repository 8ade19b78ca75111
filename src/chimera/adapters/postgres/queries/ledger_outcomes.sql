-- Cost and revenue of every campaign, by the ledger's rows alone.
SELECT substr(l.owner, length('campaign:') + 1) AS campaign_id,
       coalesce(sum(l.micros) FILTER (WHERE l.category <> 'revenue'), 0)::bigint AS cost_micros,
       coalesce(-sum(l.micros) FILTER (WHERE l.category = 'revenue'), 0)::bigint AS revenue_micros
FROM chimera.ledger l
WHERE l.owner LIKE 'campaign:%'
GROUP BY l.owner ORDER BY l.owner;
