-- All in one statement, so at one moment: each record as the array that records are read from.
SELECT chimera.now_us() AS now_us,
       g.id, g.version, g.state, g.due_us, g.body,
       s.version AS seal_version, s.state AS seal_state, s.due_us AS seal_due_us, s.body AS seal_body,
       b.version AS batch_version, b.state AS batch_state, b.due_us AS batch_due_us, b.body AS batch_body,
       a.version AS agent_version, a.state AS agent_state, a.due_us AS agent_due_us, a.body AS agent_body,
       ARRAY(SELECT DISTINCT h.scope FROM chimera.halt h WHERE h.state = 'active') AS halted
FROM chimera."grant" g
LEFT JOIN chimera.seal s ON s.id = g.id
LEFT JOIN chimera.batch b ON b.id = s.scope::uuid
LEFT JOIN chimera.agent a ON a.id = (convert_from(g.body, 'UTF8')::json -> 'terms' ->> 'agent_id')::uuid
WHERE g.id = ANY ($1::text::uuid[]);
