-- Which outside programs people have let in.

SELECT chimera.add_kind('access', false, '{asked,admitted,coded,open}');
CREATE INDEX ON chimera.access (scope, id);
