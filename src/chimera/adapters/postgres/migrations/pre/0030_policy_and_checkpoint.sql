-- Two more kinds of record: the fleet's rules, and signed checkpoints.

SELECT chimera.add_kind('policy', false, '{proposed,in_force}');
SELECT chimera.add_kind('checkpoint', false, '{}');
CREATE INDEX ON chimera.policy (state, id);
CREATE INDEX ON chimera.checkpoint (state, id);
