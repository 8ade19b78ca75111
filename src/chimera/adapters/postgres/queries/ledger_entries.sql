SELECT l.booking, l.leg, b.kind, b.at_us, l.account, l.owner, l.category, l.currency, l.micros,
       coalesce(l.task::text, '') AS task_id, coalesce(b.cause::text, '') AS cause
FROM chimera.ledger l JOIN chimera.booking b ON b.id = l.booking
WHERE l.booking > $1 ORDER BY l.booking, l.leg LIMIT $2;
