-- The windows of one span in the order of their ids: a page of those that are open now costs the same however many there
-- ever were. Serves whoever asks for one span, too.
CREATE INDEX window_of_budget_span_id
    ON chimera.window_of_budget ((split_part(id, '|', -2) || '|' || split_part(id, '|', -1)), id);
DROP INDEX chimera.window_of_budget_span;
