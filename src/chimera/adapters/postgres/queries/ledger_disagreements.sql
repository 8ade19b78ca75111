-- Everything that two books say about the same money. No row: they agree.
SELECT 'booking_balances' AS "check", l.booking::text AS subject, sum(l.micros)::bigint AS ledger_micros, 0::bigint AS books_micros
FROM chimera.ledger l GROUP BY l.booking, l.currency HAVING sum(l.micros) <> 0
UNION ALL
SELECT 'booking_has_legs', b.id::text, 0, 0 FROM chimera.booking b
WHERE (SELECT count(*) FROM chimera.ledger l WHERE l.booking = b.id) < 2
UNION ALL
SELECT 'entry_has_booking', l.booking::text, l.micros, 0 FROM chimera.ledger l
WHERE NOT EXISTS (SELECT FROM chimera.booking b WHERE b.id = l.booking)
UNION ALL
-- What a campaign's window says is spent is what was booked as its cost, whatever it was for.
SELECT 'campaign_window', coalesce(w.owner, l.owner), coalesce(l.micros, 0), coalesce(w.micros, 0)
FROM (SELECT substr(id, 1, length(id) - length('|total|total')) AS owner, spent_micros + overrun_micros AS micros
      FROM chimera.window_of_budget WHERE id LIKE 'campaign:%|total|total' AND spent_micros + overrun_micros <> 0) w
FULL JOIN (SELECT e.owner, sum(e.micros)::bigint AS micros FROM chimera.ledger e JOIN chimera.booking b ON b.id = e.booking
           WHERE b.kind = 'metered' AND e.owner <> 'fleet' GROUP BY e.owner) l ON l.owner = w.owner
WHERE coalesce(l.micros, 0) <> coalesce(w.micros, 0)
UNION ALL
-- What agents have set aside is what their open holds say.
SELECT 'agent_held', coalesce(h.owner, l.owner), coalesce(l.micros, 0), coalesce(h.micros, 0)
FROM (SELECT a.owner, sum(a.amount)::bigint AS micros
      FROM (SELECT coalesce((SELECT max(split_part(x, '|', 1)) FROM json_array_elements_text(j.body -> 'windows') x
                             WHERE x LIKE 'agent:%'), 'fleet') AS owner, (j.body ->> 'amount_micros')::bigint AS amount
            FROM chimera.hold r, LATERAL (SELECT convert_from(r.body, 'UTF8')::json AS body) j
            WHERE r.state = 'held') a GROUP BY a.owner HAVING sum(a.amount) <> 0) h
FULL JOIN (SELECT owner, sum(micros)::bigint AS micros FROM chimera.ledger WHERE category = 'held' GROUP BY owner
           HAVING sum(micros) <> 0) l ON l.owner = h.owner
WHERE coalesce(l.micros, 0) <> coalesce(h.micros, 0)
UNION ALL
-- A quota's window holds what open holds have taken of it, one each, and what readers have ahead. Counts, not micros.
SELECT 'quota_held', coalesce(w.id, h.id), coalesce(w.held_micros, 0), coalesce(h.held, 0)
FROM (SELECT o.id, o.held_micros FROM chimera.window_of_budget o
      WHERE split_part(o.key, '|', -1) IN ('posts-hour', 'posts-day', 'calls-hour', 'calls-day') AND o.held_micros <> 0) w
FULL JOIN (SELECT u.id, sum(u.held)::bigint AS held
           FROM (SELECT q AS id, 1 AS held
                 FROM chimera.hold r, json_array_elements_text(convert_from(r.body, 'UTF8')::json -> 'quotas') q
                 WHERE r.state = 'held'
                 UNION ALL
                 SELECT a.window_id, a.calls FROM chimera.calls_ahead a) u GROUP BY u.id) h ON h.id = w.id
WHERE coalesce(w.held_micros, 0) <> coalesce(h.held, 0)
UNION ALL
-- Every hold that was captured is booked to its category, whole, and no other. One that is missing may have gone with its
-- week when that is 90 days ago (migration 0171); the ledger stays.
SELECT 'captured', coalesce(h.id, l.cause)::text, coalesce(l.micros, 0), coalesce(h.micros, 0)
FROM (SELECT r.id, (convert_from(r.body, 'UTF8')::json ->> 'captured_micros')::bigint AS micros
      FROM chimera.hold r WHERE r.state = 'captured') h
FULL JOIN (SELECT b.cause, coalesce(sum(e.micros) FILTER (WHERE e.category NOT IN ('held', 'cash', 'model')), 0)::bigint AS micros
           FROM chimera.booking b JOIN chimera.ledger e ON e.booking = b.id WHERE b.kind = 'captured' GROUP BY b.cause) l
    ON l.cause = h.id
WHERE coalesce(l.micros, 0) <> coalesce(h.micros, 0)
  AND (h.id IS NOT NULL
       OR l.cause >= rpad(lpad(to_hex(chimera.now_us() / 1000 - 90 * 86400000::bigint), 12, '0'), 32, '0')::uuid)
UNION ALL
SELECT 'revenue', coalesce(r.id, l.cause)::text, coalesce(l.micros, 0), coalesce(r.micros, 0)
FROM (SELECT v.id, (convert_from(v.body, 'UTF8')::json ->> 'micros')::bigint AS micros FROM chimera.revenue v) r
FULL JOIN (SELECT b.cause, sum(e.micros)::bigint AS micros FROM chimera.booking b JOIN chimera.ledger e ON e.booking = b.id
           WHERE b.kind IN ('revenue', 'refund') AND e.category = 'cash' GROUP BY b.cause) l ON l.cause = r.id
WHERE coalesce(l.micros, 0) <> coalesce(r.micros, 0)
ORDER BY 1, 2;
