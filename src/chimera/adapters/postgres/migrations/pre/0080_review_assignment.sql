-- Reviews are assigned by a field of another name than the list of 0050 thought.

DROP INDEX chimera.review_by_assignee;
CREATE INDEX review_by_assigned ON chimera.review (chimera.field_of(body, 'assigned_to'), state, due_us, id)
    WHERE chimera.field_of(body, 'assigned_to') <> '';
