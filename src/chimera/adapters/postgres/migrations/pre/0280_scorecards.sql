-- What came of rehearsing each version of an agent, for people to put beside one another.

SELECT chimera.add_kind('scorecard', false, '{}');
CREATE INDEX ON chimera.scorecard (scope, id);
