-- Indexes for the lists that people look at. Reviews are few beside tasks: what is added here is paid once per question
-- to a person, never per task.

-- A field of a record's body. The encoding of a body never changes, which the planner cannot know.
CREATE FUNCTION chimera.field_of(body bytea, VARIADIC path text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT convert_from(body, 'UTF8')::json #>> path $$;

GRANT EXECUTE ON FUNCTION chimera.field_of(bytea, text[]) TO chimera_office, chimera_manager, chimera_effects,
    chimera_maintenance, chimera_auditor;

CREATE INDEX review_listed ON chimera.review (state, due_us, id);
CREATE INDEX review_by_risk ON chimera.review (state, chimera.field_of(body, 'question', 'risk'), due_us, id);
CREATE INDEX review_by_agent ON chimera.review (state, chimera.field_of(body, 'agent_id'), due_us, id);
CREATE INDEX review_by_assignee ON chimera.review (chimera.field_of(body, 'assignee'), state, due_us, id)
    WHERE chimera.field_of(body, 'assignee') <> '';
CREATE INDEX review_of_task ON chimera.review (scope);
CREATE INDEX campaign_of_agent ON chimera.campaign (scope, id);
CREATE INDEX agent_by_name ON chimera.agent (chimera.field_of(body, 'name'), id);
