-- What came of posts whose ways a bandit chose. Looked for by when they are due, and by agent.

SELECT chimera.add_kind('measurement', false, '{owed}');
CREATE INDEX ON chimera.measurement (scope, id);
