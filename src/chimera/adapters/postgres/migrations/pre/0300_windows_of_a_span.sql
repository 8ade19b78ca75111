-- The windows of one span, such as `day|2026-11-21`: whoever watches today does not read every day that there was.
CREATE INDEX window_of_budget_span
    ON chimera.window_of_budget ((split_part(id, '|', -2) || '|' || split_part(id, '|', -1)));
