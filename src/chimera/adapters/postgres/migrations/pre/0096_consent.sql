-- One more kind of record: what people said about the use of their data.

SELECT chimera.add_kind('consent', false, '{}');
CREATE INDEX ON chimera.consent (state, id);
