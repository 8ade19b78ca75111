-- The registry of agents beyond this installation: who was seen, allowed, blocked.

SELECT chimera.add_kind('peer', false, '{}');
