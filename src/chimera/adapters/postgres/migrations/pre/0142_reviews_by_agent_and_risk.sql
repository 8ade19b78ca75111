-- Both filters of the desk at once: without this, every open review of an agent is parsed to see its risk (138 ms for
-- 500 of them among a million, measured by `chimera bench api`).

CREATE INDEX review_by_agent_and_risk ON chimera.review
    (state, chimera.field_of(body, 'agent_id'), chimera.field_of(body, 'question', 'risk'), due_us, id);
