-- Which key of an agent counts.

SELECT chimera.add_kind('agent_key', false, '{}');
CREATE INDEX ON chimera.agent_key (scope);
