SELECT account, currency, sum(micros)::bigint AS micros, count(*)::bigint AS entries
FROM chimera.ledger GROUP BY account, currency ORDER BY account, currency;
