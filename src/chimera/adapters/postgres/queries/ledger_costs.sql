SELECT owner, category, sum(micros)::bigint AS micros, count(*)::bigint AS entries
FROM chimera.ledger WHERE owner LIKE 'campaign:%' AND category <> 'revenue'
GROUP BY owner, category HAVING sum(micros) <> 0 ORDER BY owner, category;
