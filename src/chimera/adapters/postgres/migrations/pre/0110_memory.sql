-- What agents remember: one more kind of record. Vectors: queries/prepare_vectors.sql.

SELECT chimera.add_kind('memory', false, '{}');
CREATE INDEX ON chimera.memory (state, id);
CREATE INDEX memory_by_scope ON chimera.memory (scope, state, id);
