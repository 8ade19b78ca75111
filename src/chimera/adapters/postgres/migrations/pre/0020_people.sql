-- People, how they got in, and the keys of their programs.

SELECT chimera.add_kind('person', false, '{}');
SELECT chimera.add_kind('session', false, '{open}');
SELECT chimera.add_kind('token', false, '{open}');
SELECT chimera.add_kind('knocks', false, '{}');
CREATE INDEX ON chimera.person (scope);
CREATE INDEX ON chimera.session (scope);
CREATE INDEX ON chimera.token (scope);
