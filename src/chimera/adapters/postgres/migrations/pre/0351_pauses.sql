-- A pause is a halt in a state of its own (ADR-168): in force until it is lifted, and asked for by whoever plans.

UPDATE chimera.kinds SET open_states = '{active,paused}' WHERE kind = 'halt';
DROP INDEX chimera.halt_state_due_us_id_idx;
CREATE INDEX ON chimera.halt (state, due_us, id) WHERE state = ANY ('{active,paused}'::text[]);
