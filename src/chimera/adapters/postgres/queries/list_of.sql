-- Found by scope first and put in order afterwards: in the order of ids, with a limit, millions might be walked through.
WITH found AS MATERIALIZED (
    SELECT id, version, state, due_us, body FROM chimera."{kind}" WHERE scope = ANY ($1::text[])
)
SELECT version, state, due_us, body FROM found ORDER BY id;
