-- What is kept beside reviews: planted ones with their answers, and private remarks. And one state more that is open:
-- what went out already and is owed a look.

SELECT chimera.add_kind('decoy', false, '{}');
SELECT chimera.add_kind('remark', false, '{}');
CREATE INDEX ON chimera.remark (scope);

UPDATE chimera.kinds SET open_states = '{open,asked,owed,approved,edited,rejected,expired}' WHERE kind = 'review';
DROP INDEX chimera.review_state_due_us_id_idx;
CREATE INDEX ON chimera.review (state, due_us, id)
    WHERE state = ANY ('{open,asked,owed,approved,edited,rejected,expired}'::text[]);
