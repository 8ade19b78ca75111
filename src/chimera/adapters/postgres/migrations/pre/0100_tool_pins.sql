-- One more kind of record: tools that a person has pinned.

SELECT chimera.add_kind('tool', false, '{pinned}');
CREATE INDEX ON chimera.tool (state, id);
