-- What is looked for while ten million tasks are over, found without passing them (measured: ADR-203).

-- Planning takes admitted inputs in the order of their ids, a page at a time: by this index it reads a page and no more,
-- where it read and sorted everything that waits. Nobody asks for inputs by when they are due.
DROP INDEX chimera.input_state_due_us_id_idx;
CREATE INDEX input_waiting ON chimera.input (id) WHERE state = 'admitted';
CREATE INDEX input_of_campaign ON chimera.input (scope, id);

-- A campaign's tasks page by page; what of them is under way, whatever is behind it; and what stays as it is until
-- somebody looks: held, failed, refused.
DROP INDEX chimera.task_scope_idx;
CREATE INDEX task_of_campaign ON chimera.task (scope, id);
CREATE INDEX task_under_way ON chimera.task (scope, id)
    WHERE state IN ('waiting', 'ready', 'leased', 'held', 'granted', 'in_doubt');
CREATE INDEX task_kept ON chimera.task (state, id) WHERE state IN ('waiting', 'held', 'failed', 'refused', 'dropped');

CREATE INDEX performance_of_task ON chimera.performance (scope, id);
