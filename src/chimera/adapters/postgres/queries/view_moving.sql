SELECT state, count(*) AS many FROM chimera.task WHERE state IN ('ready', 'leased') GROUP BY state
UNION ALL
SELECT state, count(*) AS many FROM chimera.task WHERE state IN ('granted', 'in_doubt') GROUP BY state;
